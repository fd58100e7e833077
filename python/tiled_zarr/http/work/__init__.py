"""The one place that knows pools, threads, deadlines, budgets and clients that have gone."""
