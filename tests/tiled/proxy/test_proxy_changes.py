"""What a proxy shows after the values or the nodes behind it have changed, through Tiled's client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tiled.proxying import KEY, Clock, Pair, paired, stopped
from tiled.catalog import in_memory
from tiled.client import from_context
from tiled.config import Authentication
from tiled.server.app import build_app
from tiled.structures.core import Spec

from tiled_zarr.tiled.proxy import told
from tiled_zarr.tiled.proxy.view import Trust

FIRST, SECOND = np.arange(6.0), np.arange(6.0) + 100
LOOK = 5.0
PLAIN = {"codec": "none"}


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    with stopped() as made:
        yield made


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("catalog")
    catalog = in_memory(writable_storage=[str(folder / "data"), f"duckdb:///{folder}/tables.duckdb"])
    return build_app(catalog, authentication=Authentication(single_user_api_key=KEY, allow_anonymous_access=False))


@pytest.fixture(scope="module")
def pair(app: Any, clock: Clock) -> Iterator[Pair]:
    with paired(app, Trust(look=LOOK), settings=PLAIN) as made:
        yield made


@pytest.fixture(scope="module")
def client(pair: Pair) -> Any:
    """The root in Tiled's own client."""
    return from_context(pair.context)


def values(pair: Pair, path: str) -> np.ndarray:
    """All values of an array of floats along one axis, decoded chunk by chunk."""
    document = pair.get(f"/zarr/v3/{path}/zarr.json").json()
    (length,), (size,) = document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"]
    bodies = [pair.get(f"/zarr/v3/{path}/c/{index}") for index in range(-(-length // size))]
    assert {body.status_code for body in bodies} == {200}
    return np.concatenate([np.frombuffer(body.content, document["data_type"]) for body in bodies])[:length]


def test_new_and_deleted_children_are_seen_after_a_look(pair: Pair, client: Any, clock: Clock) -> None:
    client.create_container("new")
    assert pair.get("/zarr/v3/new/a/zarr.json").status_code == 404
    client["new"].write_array(FIRST, key="a")
    assert pair.get("/zarr/v3/new/a/zarr.json").status_code == 404
    clock.now += LOOK + 1
    assert pair.get("/zarr/v3/new/a/zarr.json").status_code == 200
    assert list(pair.get("/zarr/v3/new/zarr.json").json()["consolidated_metadata"]["metadata"]) == ["a"]
    client["new"].delete_contents("a", external_only=False)
    clock.now += LOOK + 1
    assert pair.get("/zarr/v3/new/a/zarr.json").status_code == 404
    assert pair.get("/zarr/v3/new/zarr.json").json()["consolidated_metadata"]["metadata"] == {}


def test_a_composite_container_has_its_arrays_and_tables(pair: Pair, client: Any) -> None:
    composite = client.create_container("composite", specs=[Spec("composite")])
    composite.write_array(FIRST, key="a")
    composite.write_table({"x": SECOND}, key="t")
    members = pair.get("/zarr/v3/composite/zarr.json").json()["consolidated_metadata"]["metadata"]
    assert set(members) == {"a", "t", "t/index", "t/x"}
    np.testing.assert_array_equal(values(pair, "composite/a"), FIRST)
    np.testing.assert_array_equal(values(pair, "composite/t/x"), SECOND)


def test_a_container_that_has_become_large_is_not_consolidated_any_more(pair: Pair, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    client = from_context(pair.context)
    folder = client.create_container("crowd")
    assert pair.get("/zarr/v2/crowd/.zmetadata").status_code == 200
    monkeypatch.setattr(told, "EXACT", 2)
    for number in range(3):
        folder.create_container(str(number))
    clock.now += LOOK + 1
    assert pair.get("/zarr/v2/crowd/.zmetadata").status_code == 404
    assert pair.get("/zarr/v2/crowd/1/.zgroup").status_code == 200


def test_growth_is_seen_after_a_look(pair: Pair, client: Any, clock: Clock) -> None:
    array = client.write_array(FIRST, key="grows")
    np.testing.assert_array_equal(values(pair, "grows"), FIRST)
    array.patch(SECOND, offset=(6,), extend=True)
    clock.now += LOOK + 1
    np.testing.assert_array_equal(values(pair, "grows"), np.concatenate([FIRST, SECOND]))


def test_metadata_are_seen_after_a_look(pair: Pair, client: Any, clock: Clock) -> None:
    array = client.write_array(FIRST, key="told", metadata={"colour": "red"})
    assert pair.get("/zarr/v2/told/.zattrs").json()["colour"] == "red"
    array.update_metadata({"colour": "blue"})
    clock.now += LOOK + 1
    assert pair.get("/zarr/v2/told/.zattrs").json()["colour"] == "blue"


@pytest.mark.parametrize("how", ["in place", "as a new node under the name"])
def test_values_of_which_tiled_tells_nothing_are_seen_once_they_are_kept_no_longer(pair: Pair, client: Any, clock: Clock, how: str) -> None:
    """SQLite gives the new node the identifiers of the old one, so that all that Tiled tells is the same."""
    key = how[:2]
    array = client.write_array(FIRST, key=key)
    np.testing.assert_array_equal(values(pair, key), FIRST)
    tag = pair.get(f"/zarr/v3/{key}/c/0").headers["etag"]
    if how == "in place":
        array.write(SECOND)
    else:
        client.delete_contents(key, external_only=False)
        client.write_array(SECOND, key=key)
    clock.now += LOOK + 1 + (told.KEPT["writable"] or 0)
    np.testing.assert_array_equal(values(pair, key), SECOND)
    assert pair.get(f"/zarr/v3/{key}/c/0").headers["etag"] != tag


def test_values_are_never_kept_if_so_chosen(tmp_path: Path, clock: Clock) -> None:
    catalog = in_memory(named_memory="never_kept", writable_storage=[str(tmp_path)])
    app, before = build_app(catalog, authentication=Authentication(single_user_api_key=KEY, allow_anonymous_access=False)), clock.now
    with paired(app, Trust(look=LOOK, keep=0), settings=PLAIN) as pair:
        array = from_context(pair.context).write_array(FIRST, key="a")
        np.testing.assert_array_equal(values(pair, "a"), FIRST)
        array.write(SECOND)
        np.testing.assert_array_equal(values(pair, "a"), SECOND)
        assert clock.now == before


def test_rows_appended_to_a_table_are_seen(pair: Pair, client: Any, clock: Clock) -> None:
    import pyarrow as pa

    frame = pa.table({"x": FIRST})
    table = client.create_appendable_table(frame.schema, key="t")
    table.append_partition(0, frame)
    np.testing.assert_array_equal(values(pair, "t/x"), FIRST)
    table.append_partition(0, pa.table({"x": SECOND}))
    clock.now += LOOK + 1 + (told.KEPT["writable"] or 0)
    np.testing.assert_array_equal(values(pair, "t/x"), np.concatenate([FIRST, SECOND]))


@pytest.mark.parametrize(
    ("management", "seconds"),
    {
        "written by clients": (["writable"], 60),
        "registered": (["external"], 600),
        "of an unknown kind": (["other"], 600),
        "in memory": ([], 600),
        "partly written by clients": (["immutable", "writable"], 60),
        "never written": (["locked", "immutable"], None),
    }.values(),
)
def test_values_are_kept_as_long_as_tiled_lets_us_believe(management: list[str], seconds: int | None, clock: Clock) -> None:
    sources = tuple({"id": number, "management": kind} for number, kind in enumerate(management))
    node = told.Told(family="array", structure={}, metadata={}, specs=(), digest="0" * 24, sources=sources)
    clock.now = 6000.0
    first = node.revision(None, "caller")
    clock.now += (seconds or 10**9) - 1
    assert node.revision(None, "caller") == first
    clock.now += 1
    assert (node.revision(None, "caller") == first) is (seconds is None)
    assert node.revision(30, "caller") != first
    assert node.revision(0, "caller") is None


def test_values_that_tiled_does_not_identify_are_of_one_caller(clock: Clock) -> None:
    unknown = told.Told(family="array", structure={}, metadata={}, specs=(), digest="0" * 24, sources=())
    known = told.Told(family="array", structure={}, metadata={}, specs=(), digest="0" * 24, sources=({"id": 3},))
    assert unknown.revision(None, "a") != unknown.revision(None, "b")
    assert known.revision(None, "a") == known.revision(None, "b")
