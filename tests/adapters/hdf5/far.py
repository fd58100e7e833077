"""HDF5 files on a web server: the ranges that were asked for, and the nodes."""

from __future__ import annotations

from objectserver import ObjectServer
from tiled_zarr.adapters.remote.open import open_remote
from tiled_zarr.nodes import Group
from tiled_zarr.resources import Resources

WAIT = 20
"""Seconds after which a test has failed."""


class Far(ObjectServer):
    """A server whose requests for ranges are told as pairs of numbers."""

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first byte, and the byte after the last one, of each request for data."""
        pairs = [(request.range or "").removeprefix("bytes=").split("-") for request in self.asked("GET")]
        return [(int(first), int(last) + 1) for first, last in pairs]

    def open(self, name: str, resources: Resources) -> Group:
        """The root group of an object."""
        node = open_remote(f"{self.url}/{name}", resources)
        assert isinstance(node, Group)
        return node
