"""The folder of a Zarr node, with what opening files in it takes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ...resources import Resources
from ..common.fences import Fence


class Folder(NamedTuple):
    """A path, the fence around what is opened there, and resources (None: those of the process)."""

    path: Path
    fence: Fence
    resources: Resources | None
