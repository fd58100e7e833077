"""A Tiled adapter over a file that others write, in Tiled's environment: we serve `Changing`."""

from __future__ import annotations

import os

import numpy as np
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter

FILE = "CHANGING_FILE"
"""The environment variable that names the .npy file."""


def tree() -> MapAdapter:
    """The file's array as Tiled would have it in memory; writing the file changes it."""
    return MapAdapter({"changing": ArrayAdapter.from_array(np.load(os.environ[FILE], mmap_mode="r"))})
