"""The HDF5 library as the server has it: calls to helper processes, each about one file at one revision.

A call has a deadline, so that no file can hang the server: OPEN_SECONDS for what reads headers, READ_SECONDS for data.
"""

from __future__ import annotations

from typing import Any

from ..common.snapshot import Snapshot
from ..helpers.pool import Pool
from .descriptions import Source

KIND = "an HDF5 file"
FUNCTIONS = "tiled_zarr.adapters.hdf5.functions"
OPEN_SECONDS = 5.0
READ_SECONDS = 60.0


class Library:
    """Asks helpers for what `functions` does. The deadlines may be set at any time."""

    def __init__(self, open_timeout: float = OPEN_SECONDS, read_timeout: float = READ_SECONDS) -> None:
        self.open_timeout = open_timeout
        self.read_timeout = read_timeout
        self.pool = Pool(FUNCTIONS, "HDF5")

    def answer_within(self, seconds: float) -> None:
        """Let no call take as long as a source may that is given up after `seconds`: then a helper is lost, and no thread of the server."""
        self.open_timeout = min(OPEN_SECONDS, seconds / 5)
        self.read_timeout = 0.9 * seconds

    def header(self, name: str, snapshot: Snapshot, *arguments: Any) -> Any:
        """What a function returns that reads headers.

        Raises what Pool.call does, and Damaged for what the library raises about the file.
        """
        with snapshot.failures_as(KIND):
            return self._call(name, snapshot, arguments, self.open_timeout)

    def data(self, name: str, snapshot: Snapshot, *arguments: Any) -> Any:
        """The same for one that reads data, or as much as if it did."""
        with snapshot.failures_as(KIND):
            return self._call(name, snapshot, arguments, self.read_timeout)

    def _call(self, name: str, snapshot: Snapshot, arguments: tuple[Any, ...], seconds: float) -> Any:
        return self.pool.call(snapshot.path, snapshot.taken, name, (Source.of(snapshot), *arguments), seconds)


LIBRARY = Library()
"""The library of this process."""
