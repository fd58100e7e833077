"""A catalog and its tables in a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import text
from tests.tiled.catalogs import Written, array_at, at, get, loop_of, values, written
from tests.tiled.postgresql import Server, serving

from tiled_zarr.adapters import adapt
from tiled_zarr.cli import main
from tiled_zarr.nodes import Group
from tiled_zarr.tiled.catalog import CannotOpen, Within, node_of, open_catalog
from tiled_zarr.tiled.catalog.engines import reading
from tiled_zarr.tiled.catalog.homes import Apart

pytestmark = pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning")  # of the test client that Tiled uses

IMAGE = np.arange(60 * 40, dtype="i4").reshape(60, 40)
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
ROWS = pa.Table.from_pandas(FRAME, preserve_index=False)
DEADLINE = 30


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def catalog(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with written(tmp_path_factory.mktemp("catalog"), server.create("catalog"), server.create("tables")) as made:
        made.client.write_array(IMAGE, key="image", metadata={"sample": "Ag"}, dims=["y", "x"])
        yield made


@pytest.fixture(scope="module")
def root(catalog: Written) -> Group:
    return catalog.root()


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until something is so: what others write is seen within a second."""
    until = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_arrays_and_metadata_are_those_of_tileds_client(catalog: Written, root: Group) -> None:
    np.testing.assert_array_equal(values(at(root, "image")), catalog.client["image"].read())
    assert dict(at(root, "image").attributes) == dict(catalog.client["image"].metadata)
    assert array_at(root, "image").dimension_names == ("y", "x")


def test_rows_are_those_of_tileds_client_and_grow(catalog: Written, root: Group) -> None:
    table = catalog.client.create_appendable_table(ROWS.schema, key="rows")
    table.append_partition(0, ROWS)
    eventually(lambda: "rows" in root.children)
    assert values(at(root, "rows/b")).tolist() == table.read()["b"].tolist()
    table.append_partition(0, ROWS)
    eventually(lambda: array_at(root, "rows/b").shape == (6,))
    assert values(at(root, "rows/b")).tolist() == table.read()["b"].tolist()


def test_children_come_and_go(catalog: Written, root: Group) -> None:
    catalog.client.create_container("c").write_array(IMAGE, key="x")
    eventually(lambda: "c" in root.children)
    group = at(root, "c")
    assert isinstance(group, Group)
    assert list(group.children) == ["x"]
    array = catalog.client["c"]["x"]
    array.patch(IMAGE[:3], offset=(60,), extend=True)
    eventually(lambda: array_at(group, "x").shape == (63, 40))
    catalog.client["c"].delete_contents("x", external_only=False)
    eventually(lambda: "x" not in group.children)


def test_what_the_same_engine_writes_is_seen_at_once(catalog: Written) -> None:
    root = node_of(catalog.adapter, Within(loop_of(catalog)))
    assert isinstance(root, Group)
    for number in range(3):
        assert f"new{number}" not in root.children
        catalog.client.write_array(IMAGE + number, key=f"new{number}")
        np.testing.assert_array_equal(values(at(root, f"new{number}")), IMAGE + number)


def test_a_catalog_of_others_has_connections_of_its_own(catalog: Written) -> None:
    np.testing.assert_array_equal(values(at(adapt({"inside": catalog.adapter}), "inside/image")), IMAGE)
    np.testing.assert_array_equal(catalog.client["image"].read(), IMAGE)


def test_chunks_are_served(catalog: Written) -> None:
    app = catalog.app()
    answer = get(app, "/zarr/v3/image/c/0/0")
    assert answer.status == 200
    assert get(app, "/zarr/v3/image/zarr.json").status == 200
    assert get(app, "/zarr/v3/absent/zarr.json").status == 404


def test_our_connections_cannot_write(catalog: Written) -> None:
    home, engine = Apart(), reading(catalog.adapter.context.engine)

    async def delete() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("DELETE FROM nodes"))

    with pytest.raises(DBAPIError, match="read-only"):
        home(delete())
    home(engine.dispose())
    home.close()


def test_an_empty_database_says_what_to_do(server: Server) -> None:
    uri = server.create("empty")
    with pytest.raises(CannotOpen, match=f"tiled catalog init {uri}"):
        open_catalog(uri)


def test_a_database_that_does_not_exist_says_what_to_do(server: Server) -> None:
    with pytest.raises(CannotOpen, match="check host, name"):
        open_catalog(server.uri("absent"))


def test_a_password_is_shown_nowhere(server: Server) -> None:
    result = CliRunner().invoke(main, ["serve", "catalog", server.uri("absent", "hush"), "--port", "0"])
    assert result.exit_code == 1
    assert "hush" not in result.output
    assert "absent" in result.output


def test_a_server_that_does_not_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="cannot be reached"):
        open_catalog("postgresql://tiled@127.0.0.1:9/catalog")
