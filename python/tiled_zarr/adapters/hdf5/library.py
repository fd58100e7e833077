"""Calls from the server to the HDF5 helpers, each about a file at a revision."""

from __future__ import annotations

from typing import Any

from ..common.snapshot import Snapshot
from .descriptions import Source

KIND = "an HDF5 file"


def header(snapshot: Snapshot, name: str, *arguments: Any) -> Any:
    """The result of a function that reads headers of a file; waits `open_timeout` seconds at most.

    Raises what Pool.call does, and Damaged for what the library raises about the file.
    """
    with snapshot.failures_as(KIND):
        return snapshot.resources.hdf5.header(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments))


def data(snapshot: Snapshot, name: str, *arguments: Any) -> Any:
    """The result of a function that reads data, or takes as long; waits `read_timeout` at most.

    Raises the same.
    """
    with snapshot.failures_as(KIND):
        return snapshot.resources.hdf5.data(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments))
