"""What a proxy asks Tiled for, and when: the requests that reach Tiled are counted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask.array
import numpy as np
import pandas as pd
import pytest
from tests.tiled.proxying import KEY, Clock, Pair, paired, stopped
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.dataframe import DataFrameAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.config import Authentication
from tiled.server.app import build_app

from tiled_zarr.tiled.proxy.view import Trust

MANY = 700
IMAGE = np.random.default_rng(1).integers(0, 60000, (4096, 2048), "u2")
LOOK = 5.0
PUBLIC = Authentication(allow_anonymous_access=True)


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped() as made:
        yield made


class Spoilt(ArrayAdapter):
    """An array that cannot say what it is."""

    def structure(self) -> Any:
        raise OSError("spoilt")


@pytest.fixture
def tree() -> MapAdapter:
    small = {f"a{i:03d}": ArrayAdapter.from_array(np.arange(3) + i) for i in range(MANY)}
    image = ArrayAdapter.from_array(dask.array.from_array(IMAGE, chunks=(2048, 2048)))
    table = DataFrameAdapter.from_pandas(pd.DataFrame({"x": np.arange(6.0), "y": np.arange(6)}), npartitions=2)
    return MapAdapter({"many": MapAdapter(small), "image": image, "table": table, "group": MapAdapter({"image": image})})


@pytest.fixture
def pair(tree: MapAdapter, clock: Clock) -> Iterator[Pair]:
    with paired(
        build_app(tree, authentication=Authentication(single_user_api_key=KEY, allow_anonymous_access=False)), Trust(look=LOOK)
    ) as made:
        made.get("/zarr/v3/zarr.json")
        made.behind.counted()
        yield made


def test_a_chunk_is_fetched_once_and_then_costs_one_look(pair: Pair, clock: Clock) -> None:
    first = pair.get("/zarr/v3/image/c/0/0")
    assert first.status_code == 200
    assert pair.behind.counted() == ["array/block/image", "array/block/image", "metadata/image"]  # the look asks for the right to read too
    assert pair.get("/zarr/v3/image/c/0/0").content == first.content
    assert pair.get("/zarr/v3/image/c/0/0", **{"if-none-match": first.headers["etag"]}).status_code == 304
    assert pair.behind.counted() == []
    clock.now += LOOK + 1
    for _ in range(3):
        assert pair.get("/zarr/v3/image/c/0/0").headers["etag"] == first.headers["etag"]
    assert pair.behind.counted() == ["array/block/image", "metadata/", "metadata/image"]


def test_a_look_reads_no_values(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(ArrayAdapter, "read_block", lambda *given: read.append(given))
    assert pair.get("/zarr/v3/image/zarr.json").status_code == 200
    assert pair.behind.counted() == ["array/block/image", "metadata/image"]
    assert read == []


def test_tiles_in_one_block_are_cut_from_one_fetch(pair: Pair) -> None:
    assert pair.get("/zarr/v3/image/zarr.json").json()["chunk_grid"]["configuration"]["chunk_shape"] == [512, 512]
    pair.behind.counted()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda index: pair.get(f"/zarr/v3/image/c/{index // 4}/{index % 4}").status_code, range(32)))
    assert found == [200] * 32
    assert pair.behind.counted() == ["array/block/image", "array/block/image"]


def test_an_image_and_its_levels_take_each_block_once(pair: Pair) -> None:
    for level, count in ((1, 8), (0, 32)):
        for index in range(count):
            columns = 4 if level == 0 else 2
            assert pair.get(f"/ome-zarr/0.5/image/{level}/c/{index // columns}/{index % columns}").status_code == 200
    asked = [request for request in pair.behind.counted() if request == "array/block/image"]
    assert len(asked) == 1 + 2  # the right to read, and two blocks


def test_a_child_is_opened_without_listing_its_siblings(pair: Pair) -> None:
    assert pair.get("/zarr/v3/many/a555/zarr.json").status_code == 200
    assert pair.behind.counted() == ["array/block/many/a555", "metadata/many/a555"]


def test_a_listing_takes_a_request_a_page(pair: Pair) -> None:
    listed = pair.get("/zarr/v3/many", accept="application/json").json()
    assert len(listed["children"]) == MANY
    assert pair.behind.counted() == ["search/many"] * 4  # their number, and 3 pages of 300
    pair.get("/zarr/v3/many", accept="application/json")
    assert pair.behind.counted() == []


def test_a_listing_beyond_the_limit_is_refused_without_asking_for_it(tree: MapAdapter) -> None:
    with paired(build_app(tree, authentication=PUBLIC), settings={"listing_bytes": 10_000}) as pair:
        assert pair.get("/zarr/v3/many", None).status_code == 413
        assert pair.behind.counted() == ["metadata/", "metadata/many", "search/many"]


def test_what_does_not_exist_is_asked_for_once(pair: Pair) -> None:
    for _ in range(3):
        assert pair.get("/zarr/v3/nope/zarr.json").status_code == 404
    assert pair.behind.counted() == ["metadata/nope"]


def test_many_who_ask_at_once_share_a_look(pair: Pair) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: pair.get("/zarr/v3/group/image/zarr.json").status_code, range(16)))
    assert found == {200}
    assert pair.behind.counted() == ["array/block/group/image", "metadata/group/image"]


def test_the_columns_of_a_table_are_listed_without_reading_it(pair: Pair) -> None:
    listed = pair.get("/zarr/v2/table", accept="application/json").json()
    assert [child["name"] for child in listed["children"]] == ["index", "x", "y"]


def test_a_node_that_fails_harms_only_itself(tree: MapAdapter) -> None:
    spoilt = Spoilt(np.arange(3), ArrayAdapter.from_array(np.arange(3)).structure())
    with paired(build_app(tree.new_variation(mapping={"spoilt": spoilt, "image": tree["image"]}), authentication=PUBLIC)) as pair:
        root = pair.get("/zarr/v3/zarr.json", None)
        assert root.status_code == 200
        assert list(root.json()["consolidated_metadata"]["metadata"]) == ["image"]
        assert "answered 500" in root.json()["attributes"]["tiled_zarr"]["unavailable"]["spoilt"]
        assert pair.get("/zarr/v3/image/c/0/0", None).status_code == 200
        assert pair.get("/zarr/v3/spoilt/zarr.json", None).status_code == 500
