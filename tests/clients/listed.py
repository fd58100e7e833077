"""A tree for clients that list.

Links could spell some of its names in another way, its chunks lie in several folders, and its
arrays have every number of axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tiled_zarr import Array, Group
from tiled_zarr.nodes import Node, Options

NAMES = ("plain", "R&D", "12:30", "a:b", "größe", "x&copy", "https", "+1 = 2")
"""Not those with quotes, at which fsspec ends a link: tests/http/site/test_listing.py has them."""
IMAGE = np.arange(70 * 90, dtype="<u2").reshape(70, 90)
STACK = np.arange(4 * 5 * 6, dtype="<f4").reshape(4, 5, 6)


def array(data: np.ndarray[Any, Any], *chunk_shape: int) -> Array:
    return Array(
        shape=data.shape,
        dtype=data.dtype,
        read=lambda region: data[region],
        revision=lambda: "1",
        blocking=False,
        options=Options(chunk_shape=chunk_shape or None),
    )


def tree() -> Group:
    children: dict[str, Node] = {name: Group(children={"x": array(IMAGE, 32, 32), name: array(STACK, 2, 5, 3)}) for name in NAMES}
    others: dict[str, Node] = {"scalar": array(np.float64(3.5).reshape(())), "empty": array(np.zeros((0, 3)))}
    return Group(children={"names": Group(children=children), "others": Group(children=others), "image": array(IMAGE, 32, 32)})
