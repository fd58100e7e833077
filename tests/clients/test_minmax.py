"""zarr-python and zarrita read min/max levels over the wire, equal to numpy's, of a file of lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import h5py
import numpy as np
import pytest
import zarr

from clients.test_zarrita import ask
from live import Live, live
from minmax.twins import extremes

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently"),
]
LENGTH = 500_001
LINES = {
    "height": np.where(np.arange(LENGTH) // 100 % 3, np.random.default_rng(8).normal(size=LENGTH), np.nan),
    "count": (np.arange(LENGTH) * 7 % 1009).astype(">i2"),
    "flag": np.arange(LENGTH) % 1000 == 3,
    "single": np.linspace(0, 1, LENGTH, dtype="f4"),
}
LEVELS = {"1": 64, "2": 128, "3": 256}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("lines")
    with h5py.File(folder / "lines.h5", "w") as file:
        for name, values in LINES.items():
            file.create_dataset(name, data=values, chunks=(50_000,), compression="gzip")
    with live("directory", folder, "--public") as server:
        yield server


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_python(server: Live, version: int) -> None:
    for name, values in LINES.items():
        group = zarr.open_group(f"{server.url}/minmax/v{version}/lines/{name}", mode="r", zarr_format=2 if version == 2 else 3)
        said = group.attrs["tiled_zarr"]["minmax"]["levels"]
        assert {level["path"]: level["factor"] for level in said} == LEVELS
        for path, factor in LEVELS.items():
            np.testing.assert_array_equal(group[path][:], extremes(values, factor))


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_zarrita(server: Live, version: str) -> None:
    """All of each level, and a view of 1,200 bins that begins inside a chunk."""
    levels = {f"{name}/{path}": extremes(values, factor) for name, values in LINES.items() for path, factor in LEVELS.items()}
    jobs = {path: [tuple((0, size) for size in level.shape), ((700, 1900), (0, 2))] for path, level in levels.items()}
    answers = ask(f"{server.url}/minmax/{version}/lines", version, jobs)
    for path, level in levels.items():
        hashes = [hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest() for part in (level, level[700:1900])]
        assert [block.get("sha256") for block in answers[path].get("blocks", [])] == hashes, answers[path]
