"""`/events/<node>` of local files: a watch ends the pause between two looks, which here is an hour."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import h5py
import httpx
import numpy as np
import pytest
import tifffile
import zarr

from streaming import PATIENCE, Event, events, until
from tiled_zarr import serve
from tiled_zarr.adapters.registry import open_file
from tiled_zarr.http.live import poller
from tiled_zarr.serving.handle import Handle

HOUR = 3600.0


@pytest.fixture
def hourly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SHORTEST", HOUR)
    monkeypatch.setattr(poller, "LONGEST", HOUR)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Handle]:
    with serve(public=True, port=0) as handle:
        handle["data"] = open_file(tmp_path)
        yield handle


@contextmanager
def followed(handle: Handle, path: str) -> Iterator[Iterator[Event]]:
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client, client.stream("GET", f"{handle.url}/events/data/{path}") as answer:
        assert answer.status_code == 200
        yield events(answer.iter_lines())


def shaped(seen: Iterator[Event], shape: list[int]) -> None:
    """Pass over events until one has this shape; a file that is being written may fail meanwhile."""
    while (event := next(seen)).name != "node" or event.data["shape"] != shape:
        pass


def save(path: Path, planes: int) -> None:
    """Write an array as careful programs do: under another name, then renamed."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        np.save(file, np.zeros((planes, 3)))
    draft.rename(path)


def grow_hdf5(path: Path, planes: int) -> None:
    with h5py.File(path, "a") as file:
        data = file.require_dataset("x", (1, 3), "f8", maxshape=(None, 3), exact=False) if planes == 1 else file["x"]
        data.resize(planes, axis=0)


def grow_zarr(path: Path, planes: int) -> None:
    if planes == 1:
        zarr.create_group(path).create_array("x", shape=(1, 3), chunks=(1, 3), dtype="f8")
    else:
        zarr.open_group(path)["x"].resize((planes, 3))


def frames(folder: Path, planes: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(planes):
        file = folder / f"scan_{number:03}.tif"
        if not file.exists():
            tifffile.imwrite(file, np.zeros((4, 5), "u2"))


Growing: TypeAlias = tuple[str, str, Callable[[Path, int], None], list[int]]
"""A file, the path of its node, the function that writes a number of planes, and the shape of one."""
GROWING: dict[str, Growing] = {
    "an NPY file that is replaced": ("a.npy", "a", save, [3]),
    "an HDF5 file that grows": ("a.h5", "a/x", grow_hdf5, [3]),
    "a folder of frames": ("frames", "frames/scan_", frames, [4, 5]),
    "a Zarr store": ("a.zarr", "a/x", grow_zarr, [3]),
}


@pytest.mark.usefixtures("hourly")
@pytest.mark.parametrize("growing", GROWING.values(), ids=GROWING)
def test_a_change_is_seen_long_before_the_next_look(served: Handle, tmp_path: Path, growing: Growing) -> None:
    file, path, write, inner = growing
    for planes in (1, 2):
        write(tmp_path / file, planes)
    with followed(served, path) as seen:
        shaped(seen, [2, *inner])
        for planes in (3, 4):
            write(tmp_path / file, planes)
            shaped(seen, [planes, *inner])


@pytest.mark.usefixtures("hourly")
def test_a_folder_tells_of_a_new_file(served: Handle, tmp_path: Path) -> None:
    save(tmp_path / "a.npy", 1)
    with followed(served, "") as seen:
        first = next(seen)
        save(tmp_path / "b.npy", 1)
        assert next(seen).id != first.id


@pytest.mark.usefixtures("hourly")
def test_a_link_to_a_file_is_followed_to_it(served: Handle, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    save(tmp_path / "below" / "a.npy", 1)
    (tmp_path / "link.npy").symlink_to(tmp_path / "below" / "a.npy")
    with followed(served, "link") as seen:
        shaped(seen, [1, 3])
        save(tmp_path / "below" / "a.npy", 2)
        shaped(seen, [2, 3])


@pytest.mark.usefixtures("hourly")
def test_a_name_that_is_no_text_ends_no_watch_for_good(served: Handle, tmp_path: Path) -> None:
    save(tmp_path / "a.npy", 1)
    with followed(served, "a") as seen:
        shaped(seen, [1, 3])
        save(tmp_path / "a.npy", 2)
        shaped(seen, [2, 3])
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
        save(tmp_path / "a.npy", 3)
        shaped(seen, [3, 3])
        save(tmp_path / "a.npy", 4)
        shaped(seen, [4, 3])


def test_without_the_library_the_next_look_sees_it(served: Handle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.setattr(poller, "SHORTEST", 0.05)
    save(tmp_path / "a.npy", 1)
    with followed(served, "a") as seen:
        shaped(seen, [1, 3])
        save(tmp_path / "a.npy", 2)
        shaped(seen, [2, 3])


def watching() -> int:
    """The threads that watch, and the descriptors of inotify, of this process."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return len([thread for thread in threading.enumerate() if thread.name == "tiled-zarr-watches"]) + links.count("anon_inode:inotify")


@pytest.mark.usefixtures("hourly")
@pytest.mark.skipif(sys.platform != "linux", reason="it counts what Linux lists in /proc")
@pytest.mark.parametrize("leaves", ["the client", "the server"])
def test_watches_end_with_the_last_follower_and_with_the_server(tmp_path: Path, leaves: str) -> None:
    before = watching()
    save(tmp_path / "a.npy", 1)
    with serve(public=True, port=0) as handle:
        handle["data"] = open_file(tmp_path)
        with followed(handle, "a") as seen, followed(handle, "") as others:
            shaped(seen, [1, 3])
            next(others)
            until(lambda: watching() == before + 2)
            if leaves == "the server":
                handle.stop()
        until(lambda: watching() == before)
