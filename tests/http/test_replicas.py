"""Servers with copies of the same data: only the setting `instance` makes their tags equal."""

from __future__ import annotations

import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import blosc2
import h5py
import numpy as np
import pandas
import pytest
import tifffile
import zarr
from PIL import Image

from asgi import ask
from live import Live, live
from tiled_zarr.adapters.common.folders import COARSEST_CLOCK
from tiled_zarr.adapters.registry import open_file
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Group
from tiled_zarr.revisions import LAUNCH, launch_nonce
from tiled_zarr.settings import Settings

IMAGE = np.arange(300 * 300, dtype="<u2").reshape(300, 300)
KEYS = {
    "memory": ["zarr/v3/memory/numbers/c/0/0", "ome-zarr/0.5/memory/image/0/c/0/0"],
    "HDF5": ["zarr/v3/files/a/chunked/c/0/0", "zarr/v3/files/a/flat/c/0/0", "zarr/v2/files/a/virtual/0.0"],
    "TIFF": ["zarr/v3/files/b/c/0/0", "ome-zarr/0.4/files/b/0/0/0"],
    "OME-TIFF": ["zarr/v3/files/set_C0/c/0/0/0", "thumbnail/files/set_C0.png"],
    "Parquet": ["zarr/v3/files/t/x/c/0"],
    "Zarr": ["zarr/v3/files/z/c/0/0", "zarr/v2/files/z/0.0"],
    "NPY": ["zarr/v3/files/n/c/0/0"],
    "NPZ": ["zarr/v3/files/m/one/c/0/0"],
    "CSV": ["zarr/v3/files/c/x/c/0"],
    "PNG": ["zarr/v3/files/p/c/0/0", "ome-zarr/0.5/files/p/0/c/0/0"],
    "Blosc2": ["zarr/v3/files/l/c/0/0"],
}


def write(folder: Path) -> None:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("chunked", data=IMAGE, chunks=(100, 100), compression="gzip")
        file["flat"] = IMAGE
        layout = h5py.VirtualLayout(IMAGE.shape, IMAGE.dtype)
        layout[:] = h5py.VirtualSource("other.h5", "x", IMAGE.shape)
        file.create_virtual_dataset("virtual", layout)
    with h5py.File(folder / "other.h5", "w") as file:
        file["x"] = IMAGE
    tifffile.imwrite(folder / "b.tif", IMAGE)
    write_set(folder)
    pandas.DataFrame({"x": np.arange(5.0)}).to_parquet(folder / "t.parquet")
    zarr.create_array(folder / "z.zarr", data=IMAGE, chunks=(100, 100))
    np.save(folder / "n.npy", IMAGE)
    np.savez(folder / "m.npz", one=IMAGE)
    (folder / "c.csv").write_text("x,y\n1,2\n3,4\n")
    Image.fromarray(IMAGE.astype("u1")).save(folder / "p.png")
    blosc2.asarray(IMAGE, urlpath=str(folder / "l.b2nd"))


def write_set(folder: Path) -> None:
    """Two files, each with one channel.

    https://ome-model.readthedocs.io/en/stable/ome-tiff/specification.html
    """
    names = ["set_C0.ome.tif", "set_C1.ome.tif"]
    parts = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{c}</UUID></TiffData>'
        for c, name in enumerate(names)
    )
    pixels = (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="300" SizeY="300" SizeC="2" SizeZ="1" SizeT="1">{parts}</Pixels>'
    )
    for number, name in enumerate(names):
        namespace = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
        xml = f'<OME xmlns="{namespace}" UUID="urn:uuid:{number}"><Image ID="Image:0">{pixels}</Image></OME>'
        tifffile.imwrite(folder / name, IMAGE + number, description=xml, metadata=None)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders, the second copied from the first as `rsync --archive` does."""
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("copies") / "second"
    (first / "files").mkdir()
    write(first / "files")
    config = "trees: [{path: files, directory: files}, {path: memory, pyobject: 'replicated:tree'}]"
    (first / "server.yml").write_text(config)
    shutil.copy(Path(__file__).with_name("replicated.py"), first)
    shutil.copytree(first, second)
    newest = max(path.stat().st_ctime_ns for path in second.rglob("*"))
    # until the chunks of the Zarr array have a revision
    time.sleep(max(0, newest + 2 * COARSEST_CLOCK - time.time_ns()) / 1e9)
    return [first, second]


@contextmanager
def serving(folder: Path, instance: str | None) -> Iterator[Live]:
    variables = {"TILED_ZARR_CONFIG": folder / "server.yml", "TILED_ZARR_PUBLIC": "1"} | (
        {"TILED_ZARR_INSTANCE": instance} if instance else {}
    )
    with live(env=variables, cwd=folder) as server:
        yield server


def tags(server: Live) -> dict[str, list[str]]:
    return {kind: [tag(f"{server.url}/{key}") for key in keys] for kind, keys in KEYS.items()}


def location(server: Live, path: str) -> str:
    """Where a document never changes, relative to itself."""
    with urllib.request.urlopen(f"{server.url}/{path}", timeout=60) as answer:
        return str(answer.headers["content-location"])


def tag(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.status == 200
        return str(answer.headers["etag"])


@pytest.fixture(scope="module")
def replicas(folders: list[Path]) -> Iterator[list[Live]]:
    with serving(folders[0], "one") as first, serving(folders[1], "one") as second:
        yield [first, second]


@pytest.fixture(scope="module")
def of_replicas(replicas: list[Live]) -> list[dict[str, list[str]]]:
    return [tags(server) for server in replicas]


@pytest.fixture(scope="module")
def of_others(folders: list[Path]) -> list[dict[str, list[str]]]:
    with serving(folders[0], None) as first, serving(folders[1], None) as second:
        return [tags(first), tags(second)]


@pytest.mark.parametrize("kind", KEYS)
def test_replicas_of_one_instance_have_equal_tags(of_replicas: list[dict[str, list[str]]], kind: str) -> None:
    first, second = of_replicas
    assert first[kind] == second[kind]
    assert len(set(first[kind])) == len(KEYS[kind])


@pytest.mark.parametrize("path", ["zarr/v3/memory/numbers/zarr.json", "zarr/v2/files/a/flat/.zarray", "ome-zarr/0.5/files/b/zarr.json"])
def test_replicas_take_each_others_tokens(replicas: list[Live], path: str) -> None:
    first, second = replicas
    found = location(first, path)
    assert location(second, path) == found
    assert tag(f"{first.url}/{path}") == tag(f"{second.url}/{path}")
    assert tag(urljoin(f"{first.url}/{path}", found)) == tag(urljoin(f"{second.url}/{path}", found))


@pytest.mark.parametrize("kind", KEYS)
def test_other_servers_have_other_tags(of_others: list[dict[str, list[str]]], kind: str) -> None:
    first, second = of_others
    assert all(one != other for one, other in zip(first[kind], second[kind], strict=True))


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restores the revision of data in memory, which an application with an instance sets."""
    monkeypatch.setenv(LAUNCH, launch_nonce())
    yield
    launch_nonce.cache_clear()


@pytest.mark.usefixtures("launch")
@pytest.mark.parametrize("instance", [None, "one"])
def test_a_process_never_serves_what_it_kept_of_another_file(tmp_path: Path, instance: str | None) -> None:
    """The file changes in place and gets its old time back: only its status time tells.

    Replicas leave the status time out of tags, and of nothing else.
    """
    path = tmp_path / "a.npy"
    np.save(path, IMAGE)
    app: Any = create_app(Group({"a": open_file(path)}), Settings(public=True, codec="none", instance=instance))
    key, status = "/zarr/v3/a/c/0/0", path.stat()
    before = ask(app, key)
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\xff\xff")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    app = create_app(Group({"a": open_file(path)}), Settings(public=True, codec="none", instance=instance))
    after = ask(app, key)
    assert before.body != after.body
    assert (before.headers["etag"] == after.headers["etag"]) == (instance is not None)
