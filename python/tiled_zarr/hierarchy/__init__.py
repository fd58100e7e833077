"""Serves a tree of nodes as a Zarr hierarchy, v2 or v3: keys to documents and chunks."""
