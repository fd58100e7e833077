"""What is baked, as other libraries read it from the folder: each level equals numpy's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import tiled_zarr
from baking.twins import levels
from clients import running
from clients.test_zarrita import ask

IMAGE = np.random.default_rng(8).integers(0, 3000, (1500, 1201)).astype("<u2")
STORES: dict[str, dict[str, Any]] = {
    "shards": {"shards": (1024, 1024)},
    "zstd": {"shards": (512, 1024), "codec": "zstd:3", "chunks": (256, 256)},
    "checksum": {"shards": (1024, 1024), "codec": "gzip:1+crc32c"},
    "uncompressed": {"codec": "none"},
    "v2": {"zarr_format": 2},
}
READERS = {
    "zarr": ("zarr3", [*STORES]),
    "newest zarr": ("zarr-new", [*STORES]),
    "tensorstore": ("zarr3", [*STORES]),
    "ome-zarr-models": ("ome", [*STORES]),
    "ome-zarr": ("ome", [*STORES]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("baked")
    np.save(made / "image.npy", IMAGE)
    for name, options in STORES.items():
        tiled_zarr.bake(made / "image.npy", made / name, **options)
    return made


def digests() -> list[str]:
    return [hashlib.sha256(level.tobytes()).hexdigest() for level in levels(IMAGE)]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("reader", READERS)
def test_every_level_is_read_equal(reader: str, folder: Path) -> None:
    environment, names = READERS[reader]
    script, folders = running.HERE / "read_baked.py", [str(folder / name) for name in names]
    printed = running.in_environment(environment, script, reader.removeprefix("newest "), *folders)
    assert json.loads(printed.splitlines()[-1]) == dict.fromkeys(folders, digests())


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", STORES)
def test_zarrita_reads_every_level_equal(name: str, folder: Path) -> None:
    format_name: Literal["v2", "v3"] = "v2" if name == "v2" else "v3"
    jobs = {f"{name}/{number}": [[(0, size) for size in level.shape]] for number, level in enumerate(levels(IMAGE))}
    answers = ask(str(folder), format_name, jobs)
    assert [answers[path]["blocks"][0]["sha256"] if "blocks" in answers[path] else answers[path] for path in jobs] == digests()
