"""HDF5 files, NetCDF4 and NeXus among them.

The HDF5 library runs in helper processes, never in the server. `open`, `members` and `library` run
in the server; `functions` and the modules that it imports run in the helpers.
https://support.hdfgroup.org/documentation/hdf5/latest/
"""

from __future__ import annotations

from pathlib import Path

from ...nodes import Node
from ...resources import Resources
from ..common.ranged import by_ranges


@by_ranges()
def open_hdf5(path: Path, resources: Resources | None = None) -> Node:
    """The root group of a file. Raises OSError if it is not an HDF5 file, or is truncated."""
    # helpers import this package too; they need not load the server's side
    from .open import open_hdf5 as opened

    return opened(path, resources)
