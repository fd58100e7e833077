"""Files that other libraries keep open, and that must not become shorter meanwhile.

HDF5 reads zeros beyond the end of a file that was cut after it was opened, and looking at a mapping
beyond it kills the process. So we compare the lengths before each read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ...nodes import Damaged


class Length(NamedTuple):
    """The path of a file, and its length in bytes when it was opened."""

    path: str
    nbytes: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Length:
        """The length now. Raises OSError if there is no file."""
        return cls(os.fspath(path), os.stat(path).st_size)  # noqa: PTH116 - a Path would be built for each read

    def check(self) -> None:
        """Raises Damaged if the file is shorter now, OSError if it has gone."""
        nbytes = os.stat(self.path).st_size  # noqa: PTH116
        if nbytes < self.nbytes:
            raise Damaged(
                f"{Path(self.path).name!r} was cut from {self.nbytes:,} to {nbytes:,} bytes while it was open; "
                "restore it from a copy, and open it again"
            )
