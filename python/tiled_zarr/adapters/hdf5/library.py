"""The HDF5 library as the server has it: calls to helpers, each about a file at a revision."""

from __future__ import annotations

from typing import Any

from ..common.snapshot import Snapshot
from .descriptions import Source

KIND = "an HDF5 file"


def header(snapshot: Snapshot, name: str, *arguments: Any) -> Any:
    """What a function returns that reads headers of a file.

    Raises what Pool.call does, and Damaged for what the library raises about the file.
    """
    with snapshot.failures_as(KIND):
        return snapshot.resources.hdf5.header(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments))


def data(snapshot: Snapshot, name: str, *arguments: Any) -> Any:
    """The same for one that reads data, or as much as if it did."""
    with snapshot.failures_as(KIND):
        return snapshot.resources.hdf5.data(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments))
