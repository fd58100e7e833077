"""Trees with faults in them, for servers in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from hanging import Children, Hanging, folder, plain
from tiled_zarr import Array, Group
from tiled_zarr.nodes import Node


def hanging() -> Group:
    """A source whose reads hang for ever, a child that hangs when opened, and good neighbours."""
    hung = Hanging()
    opening = Children({"bad": plain(), "good": plain()}, opening={"bad": hung})
    return Group(children={"hung": hung.array(), "good": plain(), "opening": folder(opening)})


def greedy() -> Group:
    """What takes much memory: large chunks of a file, long strings, and groups without an end."""
    from tiled_zarr.adapters.hdf5 import open_hdf5

    texts = np.empty(1000, object)
    texts[:] = ["x" * 10**6] * 1000  # one and the same
    strings = Array(shape=texts.shape, dtype=texts.dtype, read=lambda region: texts[region], revision=lambda: "r1", blocking=False)
    file = open_hdf5(Path(os.environ["FAULTY_FILE"]))
    return Group(children={"file": file, "strings": strings, "endless": Group(children=Endless()), "good": plain()})


class Endless(Mapping[str, Node]):
    """Groups in groups, whatever they are called."""

    def __getitem__(self, name: str) -> Node:
        return Group(children=Endless())

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1
