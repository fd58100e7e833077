"""HTTP: a thin shell around the key space."""
