"""HDF5 files, NetCDF4 and NeXus among them. The HDF5 library runs in helper processes, never in the server.

The server's side is `open`, `members` and `library`; `functions` and what it imports run in the helpers.
https://support.hdfgroup.org/documentation/hdf5/latest/
"""

from __future__ import annotations

from pathlib import Path

from ...nodes import Node
from ...resources import Resources


def open_hdf5(path: Path, resources: Resources | None = None) -> Node:
    """The root group of a file. Raises OSError if it is no HDF5 file, or truncated."""
    from .open import open_hdf5 as opened  # here, so that helpers, which import this package too, start without the server's side

    return opened(path, resources)
