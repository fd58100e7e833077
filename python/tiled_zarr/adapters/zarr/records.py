"""Records in Zarr v2 arrays that zarr-python 3 refuses: some fields are arrays or records.

We give zarr-python a changed document, in which items are plain bytes, as many as a record has, and
view these bytes as records.
https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#data-type-encoding
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ... import records
from ..common.bounds import LARGEST_DOCUMENT
from ..common.fences import Fence

DOCUMENT, NEWER = ".zarray", "zarr.json"


def refused(folder: Path, fence: Fence) -> tuple[np.dtype[Any], dict[str, bytes]] | None:
    """The type of such an array's items, and the changed document, by file name.

    None for any other node.
    """
    if not (folder / DOCUMENT).is_file() or (folder / NEWER).is_file():
        return None
    try:
        metadata = json.loads(fence.read(folder / DOCUMENT, LARGEST_DOCUMENT))
        dtype = record(metadata["dtype"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # zarr-python says what is wrong with it
    if not dtype.names or records.is_flat(dtype):
        return None
    plain = {**metadata, "dtype": f"|V{dtype.itemsize}"}
    return dtype, {DOCUMENT: json.dumps(plain).encode()}


def record(spelled: Any) -> np.dtype[Any]:
    """The type that a document spells. Raises ValueError or TypeError if it spells none.

    >>> record([["id", "|u1"], ["v", "<f4", [3]]])
    dtype([('id', 'u1'), ('v', '<f4', (3,))])
    """
    if isinstance(spelled, str):
        return np.dtype(spelled)
    fields = [(name, record(kind), *map(tuple, shape)) for name, kind, *shape in spelled]
    return np.dtype(fields)


def as_records(dtype: np.dtype[Any], block: Any) -> np.ndarray[Any, Any]:
    """The records in a block that zarr-python has read as plain bytes."""
    return np.ascontiguousarray(block).reshape(np.shape(block)).view(dtype)
