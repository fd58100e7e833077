"""Levels as numpy makes them, and a store as a dictionary of its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def halved(values: np.ndarray) -> np.ndarray:
    """The mean of each square of two by two, of those of its pixels that are there and no NaN."""
    rows, columns = values.shape[-2:]
    padded = np.full((*values.shape[:-2], rows + rows % 2, columns + columns % 2), np.nan)
    padded[..., :rows, :columns] = values
    squares = padded.reshape(*values.shape[:-2], padded.shape[-2] // 2, 2, padded.shape[-1] // 2, 2)
    counts = np.isfinite(squares).sum((-3, -1))
    with np.errstate(invalid="ignore"):
        means = np.nansum(squares, (-3, -1)) / counts
    return (means if values.dtype.kind == "f" else np.floor(means + 0.5)).astype(values.dtype)


def levels(values: np.ndarray, tile: int = 512) -> list[np.ndarray]:
    """All levels, down to the first that fits into one tile."""
    made = [values]
    while max(made[-1].shape[-2:]) > tile:
        made.append(halved(made[-1]))
    return made


def files(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
