"""Computes with Dask on other processes: a scheduler and its workers.

`clients` connects to a scheduler or starts one, and says what to do if that fails. `Cluster` sends
tasks to it, waits for them without a thread of its own, and comes back by itself after the
scheduler or its workers were gone. `Blocks` keeps source blocks on the workers, by what they cost.
`Executor` is what the setting `scheduler` stands for.

The workers need Dask and what the tasks import; they do not need this package.
"""
