"""Levels in `levels_folder`, as other libraries read them from there: each equals numpy's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from baking.twins import levels
from clients import running
from clients.test_zarrita import ask
from ome.twins import image, node_of, stores

IMAGE = np.random.default_rng(8).integers(0, 3000, (1500, 1201)).astype("<u2")
CODECS = ["blosc:lz4:5", "zstd:3", "gzip:1", "none"]
READERS = {"zarr": "zarr3", "newest zarr": "zarr-new", "tensorstore": "zarr3", "ome-zarr-models": "ome", "ome-zarr": "ome"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of a plane for each codec."""
    folder = tmp_path_factory.mktemp("levels")
    for codec in CODECS:
        shared = stores(folder=folder, budget=1, codec=codec)
        made = image(node_of(IMAGE), shared, f"/{codec}")
        made.pyramid.make_exact((), "1")
        assert shared.background.wait(60)
        shared.background.stop()
    assert len(list(folder.iterdir())) == len(CODECS)
    return folder


def digests() -> list[str]:
    return [hashlib.sha256(level.tobytes()).hexdigest() for level in levels(IMAGE)[1:]]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("reader", READERS)
def test_every_level_is_read_equal(reader: str, folder: Path) -> None:
    found = [str(path) for path in folder.iterdir()]
    printed = running.in_environment(READERS[reader], running.HERE / "read_baked.py", reader.removeprefix("newest "), *found)
    assert json.loads(printed.splitlines()[-1]) == dict.fromkeys(found, digests())


@pytest.mark.timeout(400)
def test_zarrita_reads_every_level_equal(folder: Path) -> None:
    jobs = {
        f"{path.name}/{number + 1}": [[(0, size) for size in level.shape]]
        for path in folder.iterdir()
        for number, level in enumerate(levels(IMAGE)[1:])
    }
    answers = ask(str(folder), "v3", jobs)
    found = [answers[path]["blocks"][0]["sha256"] if "blocks" in answers[path] else answers[path] for path in jobs]
    assert found == digests() * len(CODECS)
