"""HDF5 files in object stores and on web servers: the same nodes as of local files, by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest

from adapters.hdf5 import test_open
from adapters.hdf5.far import Far
from adapters.hdf5.test_open import WIDE, made
from tiled_zarr.nodes import Group
from tiled_zarr.resources import Resources
from tiled_zarr.testing import Case, ReaderContract


class Shared:
    """The one server and the one set of helpers of these tests."""

    server: ClassVar[Far]
    resources: ClassVar[Resources]
    names = (f"{number}.h5" for number in count())

    @classmethod
    def open(cls, content: bytes) -> Group:
        """The root group of a new object."""
        name = next(cls.names)
        cls.server.objects[name] = content
        return cls.server.open(name, cls.resources)


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[type[Shared]]:
    with Far() as Shared.server:
        Shared.resources = Resources.of()
        yield Shared
        Shared.resources.close()


def as_object(case: Case) -> Case:
    """The same file in a store."""

    def opened(folder: Path) -> Any:
        _, truth = case(folder)
        return Shared.open((folder / "a.h5").read_bytes()), truth

    return opened


FEW = WIDE[:130, :90]
TYPES = {name: test_open.PLAIN[name] for name in ("bytes", "empty_axis", "five_d", "numbers_>c16", "numbers_?", "zero_d")}
LARGE: dict[str, Any] = {
    "group": {"flat": FEW.astype(">f4")},
    "gzip": FEW,
    "lzf": FEW,
    "plain": FEW,
    "texts": np.array([f"{number} µm" for number in range(2000)], object),
}


def large(folder: Path) -> Any:
    """A file that is too large to be read whole, and has offsets that count from a user block."""
    with h5py.File(folder / "a.h5", "w", userblock_size=8 * 1024 * 1024) as file:
        file["group/flat"] = LARGE["group"]["flat"]
        file.create_dataset("gzip", data=FEW, chunks=(64, 50), compression="gzip")
        file.create_dataset("lzf", data=FEW, chunks=(64, 50), compression="lzf", scaleoffset=0)
        file.create_dataset("plain", data=FEW, chunks=(64, 50))
        file["texts"] = list(LARGE["texts"])
    return None, LARGE


def own_sources(file: h5py.File) -> None:
    file["own"] = WIDE
    layout = h5py.VirtualLayout((2, 300, 400), "<i4")
    for i in range(2):
        layout[i] = h5py.VirtualSource(".", "own", (300, 400))
    file.create_virtual_dataset("v", layout)


CASES = {
    "large": large,
    "types": made(lambda file: [file.create_dataset(name, data=array) for name, array in TYPES.items()], TYPES),
    "virtual over itself": made(own_sources, {"own": WIDE, "v": np.stack([WIDE, WIDE])}),
    **{name: test_open.CASES[name] for name in ("record", "gzip", "zstd", "strings", "special", "tree")},
}


class TestFar(ReaderContract, cases={name: as_object(case) for name, case in CASES.items()}): ...
