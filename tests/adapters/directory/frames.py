"""Writes arrays as frames of any format, and asks stacks of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tifffile
from PIL import Image

from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.nodes import Array, Group, Node
from tiled_zarr.testing import Truth

Values: TypeAlias = "np.ndarray[Any, Any]"


def write(path: Path, values: Values, **options: Any) -> Path:
    """Write values in the format that a file's suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix.lower():
        case ".npy":
            np.save(path, values)
        case ".tif" | ".tiff":
            tifffile.imwrite(path, values, **options)
        case ".jpg" | ".jpeg":
            Image.fromarray(values.astype("u1")).save(path, "JPEG")
        case suffix:
            Image.fromarray(values).save(path, suffix.removeprefix("."))
    return path


def settle(folder: Path) -> Path:
    """As if the last change were long ago."""
    os.utime(folder, (1, 1))
    return folder


def stack(folder: Path, frames: Values, suffix: str, **options: Any) -> tuple[Node, Truth]:
    """A folder with a stack, and its values."""
    for number, frame in enumerate(frames):
        write(folder / f"scan_{number:03}{suffix}", frame, **options)
    return open_directory(folder), {"scan_": frames}


def only(folder: Path, name: str = "scan_") -> Array:
    """The stack of a folder."""
    node = open_directory(folder)
    assert isinstance(node, Group)
    found = node.children[name]
    assert isinstance(found, Array)
    return found
