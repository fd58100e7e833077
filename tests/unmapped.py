"""How files are read on each system, for a stand-in of `_native` in `adapters.common.mapped`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tiled_zarr import _native


class Unmapped:
    """What `_native.File` is if the system maps nothing."""

    is_mapped = False

    def __init__(self, *arguments: Any) -> None:
        self.file = _native.File(*arguments)
        self.read, self.prefetch, self.release = self.file.read, self.file.prefetch, self.file.release

    def __len__(self) -> int:
        return len(self.file)


MAPPED, KEPT, REOPENED = _native, SimpleNamespace(File=Unmapped), SimpleNamespace()
WAYS = {"mapped": MAPPED, "kept": KEPT, "reopened": REOPENED}
"""On Linux, on macOS and on Windows."""
