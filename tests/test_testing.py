"""The published contract finds what is wrong with an adapter.

Each adapter here breaks one promise, and the test that holds it fails.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiled_zarr
from tiled_zarr import Array, Damaged, Dense, Group, Snapshot, Stored, Unavailable
from tiled_zarr.adapters.files.npy import open_npy
from tiled_zarr.nodes import Node, Region
from tiled_zarr.testing import Contract, FileContract
from tiled_zarr.testing.files import DAMAGES

DATA = np.arange(60, dtype="<u2").reshape(6, 10)
ITSELF: Array = tiled_zarr.open(DATA)  # type: ignore[assignment] # a Node


def served(**changes: Any) -> Array:
    return replace(ITSELF, **changes)


def wrong_beyond_the_first(region: Region) -> np.ndarray:
    return DATA[region] * (region[0].start == 0)


class Forgetful(Mapping[str, Node]):
    """Children that give something for every name."""

    def __getitem__(self, name: str) -> Node:
        return ITSELF

    def __iter__(self):
        return iter(["a"])

    def __len__(self) -> int:
        return 1


class Counting:
    """A revision that is another each time."""

    count = 0

    def __call__(self) -> str:
        self.count += 1
        return str(self.count)


STORED = Stored("none", lambda index: DATA.tobytes()[::-1])
BROKEN = {
    "test_whole_equals_the_truth": served(source=Dense(lambda region: DATA[region] + np.uint16(1))),
    "test_regions_equal_the_truths": served(source=Dense(wrong_beyond_the_first)),
    "test_stepped_reads_equal_the_truths": served(source=Dense(ITSELF.read, lambda region, steps: DATA[region])),
    "test_stored_chunks_are_what_is_read": served(source=Dense(ITSELF.read, stored=STORED), chunks=DATA.shape),
    "test_is_read_back_equal": served(source=Dense(ITSELF.read, stored=STORED), chunks=DATA.shape),
    "test_revision_stands_while_nothing_changes": served(revision=Counting()),
    "test_a_missing_name_is_a_key_error": Group(Forgetful()),
    "test_names_are_the_truths": Group({"a": ITSELF, "b": ITSELF}),
}


class Sound(Contract, cases={}):
    """Not collected, since its name does not begin with Test."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found(tmp_path: Path, name: str) -> None:
    truth = {"a": DATA} if isinstance(BROKEN[name], Group) else DATA
    getattr(Sound(), name)(lambda _: (ITSELF, DATA), tmp_path)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(Sound(), name)(lambda _: (BROKEN[name], truth), tmp_path)


def write(path: Path) -> np.ndarray:
    np.save(path, DATA)
    return DATA


def failing_with(kind: type[Exception]) -> Callable[[Path], Node]:
    """An adapter that raises what it likes for a damaged file."""

    def adapter(path: Path) -> Node:
        try:
            np.load(path)
        except OSError:
            raise
        except Exception as error:
            raise kind("no") from error
        return open_npy(path)

    return adapter


def zeros(path: Path) -> Node:
    """An adapter that fills up what a file lacks, and looks for no change."""
    snapshot, size = Snapshot.of(path), DATA.nbytes

    def read(region: Region) -> np.ndarray:
        return np.frombuffer(path.read_bytes()[128:].ljust(size, b"\0")[:size], "<u2").reshape(DATA.shape)[region]

    return Array(shape=DATA.shape, dtype=DATA.dtype, read=read, revision=snapshot.revision)


def without_revision(path: Path) -> Node:
    node = open_npy(path)
    assert isinstance(node, Array)
    return Array(shape=node.shape, dtype=node.dtype, read=node.read)


BAD_FILES: Mapping[str, tuple[Callable[[Path], Node], str, str | None]] = {
    "made up": (zeros, "test_damage_is_an_error", "cut_in_half"),
    "any error": (failing_with(ValueError), "test_damage_is_an_error", "emptied"),
    "absent": (failing_with(KeyError), "test_damage_is_an_error", "cut_in_half"),
    "no form in Zarr": (failing_with(Unavailable), "test_damage_is_an_error", "garbage"),
    "a bit": (failing_with(KeyError), "test_a_flipped_bit_harms_no_neighbour", None),
    "no revision": (without_revision, "test_a_rewritten_file_has_another_revision", None),
    "old data": (zeros, "test_a_rewritten_file_has_another_revision", None),
}


class SoundFile(FileContract, adapter=open_npy, suffix=".npy", files={}):
    """Not collected."""


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_broken_promise_about_files_is_found(tmp_path: Path, name: str) -> None:
    adapter, test, damage = BAD_FILES[name]
    arguments = (write, tmp_path) if damage is None else (write, DAMAGES[damage], tmp_path)

    class Broken(FileContract, adapter=adapter, suffix=".npy", files={}): ...

    getattr(SoundFile(), test)(*arguments)
    with pytest.raises(AssertionError):
        getattr(Broken(), test)(*arguments)


@pytest.mark.parametrize("package", ["pytest", "zarr", "numcodecs"])
def test_a_missing_package_is_named(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import tiled_zarr.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"tiled_zarr.testing needs {package}, which is not installed: pip install pytest 'tiled-zarr[zarr]'" in done.stderr


def test_what_damaged_means_is_public() -> None:
    assert issubclass(Damaged, OSError)
    assert tiled_zarr.Snapshot is Snapshot


class TestNpy(FileContract, adapter=open_npy, suffix=".npy", files={"numbers": write}): ...
