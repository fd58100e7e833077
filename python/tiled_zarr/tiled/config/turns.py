"""Workers of one configuration that start one after another.

Each of them may create the databases that do not exist yet (`init_if_not_exists`); two at a time
would disturb each other.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class Turn:
    """A lock on a configuration, from now until `end`; with None there is nothing to wait for.

    It is a lock of the file itself (flock), so it goes when the process dies. File systems that have
    none are none the wiser.
    """

    def __init__(self, path: Path | None) -> None:
        self.descriptor = None if path is None else os.open(path, os.O_RDONLY)
        if self.descriptor is not None:
            with suppress(OSError):
                fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def end(self) -> None:
        """Let the next worker start."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
