"""Every pool of memory keeps its bound under more data than fits, and answers stay right."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from asgi import ask
from tiled_zarr import Array, Group, Sparse
from tiled_zarr.app import create_app
from tiled_zarr.encoding import row_index
from tiled_zarr.resources import Resources, Sizes, default
from tiled_zarr.settings import Mount, Settings
from tiled_zarr.settings.values import POOLS
from tiled_zarr.tree import plant

MANY = 6
RANDOM = np.random.default_rng(11)
SECONDS = 60


def served(folder: Path, **settings: Any) -> Any:
    """An application of a folder, with resources of its own."""
    chosen = Settings(trees=(Mount(source="directory", target=str(folder)),), public=True, codec="none", **settings)
    tree = plant(chosen)
    return create_app(tree.root, chosen, tree.tasks, tree.resources)


def in_memory(root: Group, **settings: Any) -> Any:
    return create_app(root, Settings(public=True, codec="none", **settings))


def value(app: Any, path: str) -> np.ndarray[Any, Any]:
    """An array, put together from its document and all of its chunks, which are not compressed."""
    document = json.loads(ask(app, f"{path}/zarr.json").body)
    shape, chunk = document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"]
    found = np.empty(shape, document["data_type"])
    for index in product(*(range(-(-size // part)) for size, part in zip(shape, chunk, strict=True))):
        answer = ask(app, "/".join((path, "c", *map(str, index))))
        assert answer.status == 200, answer.body
        box = tuple(slice(i * part, min((i + 1) * part, size)) for i, part, size in zip(index, chunk, shape, strict=True))
        inside = tuple(slice(0, part.stop - part.start) for part in box)
        found[box] = np.frombuffer(answer.body, found.dtype.newbyteorder("<")).reshape(chunk)[inside]
    return found


def gauges(app: Any, name: str = "pool_bytes") -> dict[str, int]:
    """What each pool holds, as the metrics tell it."""
    lines = ask(app, "/metrics").body.decode().splitlines()
    found = (line.removeprefix(f'tiled_zarr_{name}{{pool="').split('"} ') for line in lines if line.startswith(f"tiled_zarr_{name}{{"))
    return {pool: int(nbytes) for pool, nbytes in found}


class Case(NamedTuple):
    """A source with more data than fit into the pools.

    `make(folder)` returns the root in memory, or None if it wrote to the folder, and arrays by
    path.
    """

    pool: str
    bound: int
    make: Callable[[Path], tuple[Group | None, Mapping[str, Any]]]


def node(values: np.ndarray[Any, Any], *, blocking: bool = False) -> Array:
    return Array(shape=values.shape, dtype=values.dtype, read=lambda region: values[region], revision=lambda: "r1", blocking=blocking)


def small_arrays(_: Path) -> tuple[Group, Mapping[str, Any]]:
    truth = {f"a{i}": RANDOM.random((20, 30)) for i in range(MANY)}
    return Group(children={name: node(values) for name, values in truth.items()}), truth


def images(_: Path) -> tuple[Group, Mapping[str, Any]]:
    """Blocks of four equal pixels: any mean of them is the pixel."""
    halves = {f"a{i}": RANDOM.integers(0, 60000, (300, 400)).astype("u2") for i in range(MANY)}
    wholes = {name: np.kron(half, np.ones((2, 2), "u2")) for name, half in halves.items()}
    return Group(children={name: node(whole, blocking=True) for name, whole in wholes.items()}), {
        f"{name}/1": half for name, half in halves.items()
    }


def sparse_arrays(_: Path) -> tuple[Group, Mapping[str, Any]]:
    truth, children = {}, {}
    for i in range(MANY):
        places = RANDOM.choice(100 * 100, 2000, replace=False)
        coords, data = np.array(np.unravel_index(places, (100, 100))), RANDOM.random(2000)
        truth[f"a{i}"] = np.zeros((100, 100))
        truth[f"a{i}"][tuple(coords)] = data
        entries = (coords, data)
        children[f"a{i}"] = Sparse(shape=(100, 100), dtype=data.dtype, entries=lambda entries=entries: entries, revision=lambda: "r1")
    return Group(children=children), truth


def hdf5_chunks(folder: Path) -> tuple[None, Mapping[str, Any]]:
    h5py = pytest.importorskip("h5py")
    truth = {f"f/a{i}": RANDOM.integers(0, 9, 1000) for i in range(MANY)}
    with h5py.File(folder / "f.h5", "w") as file:
        for path, values in truth.items():
            file.create_dataset(path.removeprefix("f/"), data=values, chunks=(2,), compression="gzip")
    with h5py.File(folder / "f.h5") as file:
        return None, {f"f/{name}": file[name][()] for name in file}


def pictures(folder: Path) -> tuple[None, Mapping[str, Any]]:
    for i in range(MANY):
        Image.fromarray(RANDOM.integers(0, 255, (200, 200, 3)).astype("u1")).save(folder / f"a{i}.png")
    return None, {path.stem: np.asarray(Image.open(path)) for path in folder.iterdir()}


def text_tables(folder: Path) -> tuple[None, Mapping[str, Any]]:
    for i in range(MANY):
        pd.DataFrame(RANDOM.integers(0, 10**6, (2000, 3)), columns=list("xyz")).to_csv(folder / f"a{i}.csv", index=False)
    tables = {path.stem: pd.read_csv(path) for path in folder.iterdir()}
    return None, {f"{name}/{column}": table[column].to_numpy() for name, table in tables.items() for column in table}


def mapped_files(folder: Path) -> tuple[None, Mapping[str, Any]]:
    for i in range(MANY):
        np.save(folder / f"a{i}.npy", RANDOM.random((300, 400)))
    return None, {path.stem: np.load(path) for path in folder.iterdir()}


CASES = [
    Case("chunks", 20_000, small_arrays),
    Case("documents", 3000, small_arrays),
    Case("tiles", 700_000, images),
    Case("row_indexes", 80_000, sparse_arrays),
    Case("chunk_indexes", 20_000, hdf5_chunks),
    Case("decoded", 300_000, pictures),
    Case("tables", 120_000, text_tables),
    Case("mapped", 2_500_000, mapped_files),
]
SETTING = {pool: setting for setting, pool in POOLS.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.pool)
def test_a_pool_holds_its_bound_under_more_than_fits(tmp_path: Path, case: Case) -> None:
    root, truth = case.make(tmp_path)

    def application(**sizes: int) -> Any:
        return served(tmp_path, **sizes) if root is None else in_memory(root, **sizes)

    prefix = "/ome-zarr/0.5" if case.pool == "tiles" else "/zarr/v3"
    roomy, tight = application(), application(**{SETTING[case.pool]: case.bound})
    held = []
    for _ in range(2):
        for path, expected in truth.items():
            np.testing.assert_array_equal(value(roomy, f"{prefix}/{path}"), expected)
            np.testing.assert_array_equal(value(tight, f"{prefix}/{path}"), expected)
            held.append(gauges(tight)[case.pool])
    assert gauges(roomy)[case.pool] > case.bound, "all of it would not fit"
    assert 0 < max(held) <= case.bound == gauges(tight, "pool_bytes_max")[case.pool]


def test_levels_hold_their_bound_under_more_than_fits(tmp_path: Path) -> None:
    root, truth = images(tmp_path)
    bound = 700_000
    tight = in_memory(root, levels_size=bound, tile_budget=1)
    held = []
    for path, expected in truth.items():
        end = time.monotonic() + SECONDS
        # samples, until a thread has read all of it
        while not np.array_equal(value(tight, f"/ome-zarr/0.5/{path}"), expected):
            assert time.monotonic() < end
            time.sleep(0.05)
        held.append(gauges(tight)["levels"])
    assert sum(nbytes for nbytes in np.diff([0, *held]) if nbytes > 0) <= bound == gauges(tight, "pool_bytes_max")["levels"]
    assert bound / 2 < held[-1] <= bound < MANY * held[0], "all of it would not fit"


def test_every_pool_is_in_a_test() -> None:
    assert {case.pool for case in CASES} | {"levels", "in_flight"} == set(POOLS.values())
    assert set(gauges(in_memory(Group(children={})))) == set(POOLS.values()) - {"in_flight"}


def test_a_row_index_larger_than_its_pool_is_built_used_and_let_go() -> None:
    coords, data, built = np.array([[1, 2], [3, 4]]), np.array([5.0, 6.0]), []

    def entries() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        built.append(1)
        return coords, data

    sparse = Sparse(shape=(5, 5), dtype=data.dtype, entries=entries, revision=lambda: "r1")
    resources = Resources.of(Sizes(row_indexes=1))
    expected = np.zeros((5, 5))
    expected[tuple(coords)] = data
    for _ in range(2):
        np.testing.assert_array_equal(row_index.dense(sparse, (slice(0, 5), slice(0, 5)), resources), expected)
    assert (len(built), resources.row_indexes.total) == (2, 0)


def test_a_row_index_goes_with_its_array() -> None:
    resources = Resources.of()
    sparse = Sparse(shape=(5,), dtype=np.dtype("f8"), entries=lambda: (np.array([[1]]), np.ones(1)), revision=lambda: "r1")
    row_index.of(sparse, resources)
    assert row_index.has(sparse, resources)
    assert resources.row_indexes.total > 0
    del sparse
    gc.collect()
    assert resources.row_indexes.total == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of several kinds, all of which somebody keeps something of."""
    for make in (hdf5_chunks, pictures, text_tables, mapped_files):
        below = tmp_path / make.__name__
        below.mkdir()
        make(below)
    return tmp_path


def arrays(app: Any, path: str = "/zarr/v3") -> Iterator[str]:
    """The arrays of a tree, found as a browser finds them."""
    for entry in json.loads(ask(app, path, headers={"accept": "application/json"}).body)["children"]:
        below = f"{path}/{entry['name']}"
        if entry["kind"] in {"array", "sparse"}:
            yield below
        else:
            yield from arrays(app, below)


def test_two_applications_share_nothing_by_accident(folder: Path) -> None:
    ours = [gauge.nbytes for gauge in default().gauges()]
    first, second = served(folder, cache_size=0), served(folder, decoded_size=0, consolidated_nodes=7)
    empty = gauges(second)
    for path in arrays(first):
        value(first, path)
    assert (
        min(nbytes for pool, nbytes in gauges(first).items() if pool in {"chunk_indexes", "decoded", "tables", "mapped", "documents"}) > 0
    )
    assert gauges(second) == empty
    assert set(empty.values()) == {0}
    for path in arrays(second):
        np.testing.assert_array_equal(value(second, path), value(first, path))
    assert gauges(first)["chunks"] == 0 < gauges(second)["chunks"]
    assert [gauge.nbytes for gauge in default().gauges()] == ours, "nor with who has no application"


def test_helpers_of_one_application_end_with_it_alone(folder: Path) -> None:
    chosen = Settings(trees=(Mount(source="directory", target=str(folder)),), public=True)
    trees = [plant(chosen) for _ in range(2)]
    for tree in trees:
        assert list(tree.root.children["hdf5_chunks"].children["f"].children)  # type: ignore[union-attr] # groups
    first, second = (tree.resources.hdf5.pool for tree in trees)
    assert set(first.pids).isdisjoint(second.pids)
    trees[0].resources.close()
    assert (first.pids, len(second.pids) > 0) == ([], True)
    trees[1].resources.close()
