"""Calls from the server to the HDF5 helpers, each about a file at a revision."""

from __future__ import annotations

from typing import Any

from ...nodes import Changed
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot
from .descriptions import Source

KIND = "an HDF5 file"
SHARE = 0.8
"""The part of a call's time in which its helper may read from a store."""


def header(snapshot: Snapshot, name: str, *arguments: Any) -> Any:
    """The result of a function that reads headers of a file; waits `open_timeout` seconds at most.

    The headers of an object in a store have the time of data, since the library asks for them one
    after the other. Raises what Pool.call does, and Damaged for what the library raises about the
    file.
    """
    if isinstance(snapshot, Ranged):
        return data(snapshot, name, *arguments)
    with snapshot.failures_as(KIND):
        return snapshot.resources.hdf5.header(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments))


def data(snapshot: Snapshot, name: str, *arguments: Any) -> Any:
    """The result of a function that reads data, or takes as long; waits `read_timeout` at most.

    Raises the same. Objects in stores have helpers of their own, so that a store which hangs does
    not delay local files.
    """
    if isinstance(snapshot, Ranged):
        return _of_object(snapshot, name, *arguments)
    with snapshot.failures_as(KIND):
        return snapshot.resources.hdf5.data(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments))


def _of_object(snapshot: Ranged, name: str, *arguments: Any) -> Any:
    """The same for an object in a store."""
    helpers = snapshot.resources.hdf5_stores
    source = Source.of(snapshot, SHARE * helpers.read_timeout)
    with snapshot.failures_as(KIND):
        try:
            return helpers.data(snapshot.path, snapshot.taken, name, (source, *arguments))
        except (Changed, FileNotFoundError):
            snapshot.origin.distrust()  # the helper has seen it, and this process has not
            raise
