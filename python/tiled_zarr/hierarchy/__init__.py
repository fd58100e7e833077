"""A tree of nodes as a Zarr hierarchy, in either format: keys to places, documents and chunks."""
