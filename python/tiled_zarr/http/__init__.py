"""HTTP: a thin layer that answers requests for the keys of a hierarchy."""
