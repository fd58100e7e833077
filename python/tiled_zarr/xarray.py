"""`import tiled_zarr.xarray` gives Datasets, DataArrays and DataTrees the method `ds.tiled_zarr.serve()`.

https://docs.xarray.dev/en/stable/internals/extending-xarray.html
"""

from __future__ import annotations

from typing import Any

import xarray

from .serving import Handle, serve

NAME = "tiled_zarr"


@xarray.register_dataset_accessor(NAME)  # type: ignore[no-untyped-call] # xarray is typed in part
@xarray.register_dataarray_accessor(NAME)  # type: ignore[no-untyped-call] # xarray is typed in part
@xarray.register_datatree_accessor(NAME)  # type: ignore[no-untyped-call] # xarray is typed in part
class Accessor:
    """What `ds.tiled_zarr` is."""

    def __init__(self, source: xarray.Dataset | xarray.DataArray | xarray.DataTree) -> None:
        self.source = source

    def serve(self, **options: Any) -> Handle:
        """Serve the object until the handle is stopped; the options are those of `tiled_zarr.serve`."""
        return serve(self.source, **options)
