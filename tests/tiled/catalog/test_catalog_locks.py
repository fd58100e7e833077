"""A catalog whose database another program has locked is a 503, soon, and is there again after it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from tests.tiled.catalogs import Written, get, written

from asgi import Answer, asked
from tiled_zarr.nodes import Busy
from tiled_zarr.tiled.catalog import CannotOpen, Home, open_catalog
from tiled_zarr.tiled.catalog.engines import for_file
from tiled_zarr.tiled.catalog.homes import Apart

pytestmark = pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning")  # of the test client that Tiled uses

IMAGE = np.arange(60 * 40, dtype="i4").reshape(60, 40)
SOON = 4.0
"""Seconds: sqlite's own timeout is 5, and a request asks more than once."""
PATHS = ("/zarr/v3/x/c/0/0", "/zarr/v3/x/zarr.json", "/zarr/v3/zarr.json", "/zarr/v2/x/.zarray", "/zarr/v3/x/c/0/0", "/view/x")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Written]:
    with written(tmp_path) as made:
        made.client.write_array(IMAGE, key="x")
        yield made


def path_of(catalog: Written) -> Path:
    return Path(catalog.uri.removeprefix("sqlite:///"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """While it is entered, another connection writes to a database and lets nobody read it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def all_at_once(app: Any) -> list[Answer]:
    async def together() -> list[Answer]:
        return await asyncio.gather(*(asked(app, path) for path in PATHS))

    return asyncio.run(together())


def test_requests_of_a_locked_catalog_are_503_at_once_and_come_back(catalog: Written) -> None:
    app = catalog.app()
    assert [answer.status for answer in all_at_once(app)] == [200] * len(PATHS)
    with locked(path_of(catalog)):
        begun = monotonic()
        answers = all_at_once(app)
        assert monotonic() - begun < SOON
    assert [(answer.status, "retry-after" in answer.headers) for answer in answers] == [(503, True)] * len(PATHS)
    assert b"locked by a program that writes to it" in answers[0].body
    assert [answer.status for answer in all_at_once(app)] == [200] * len(PATHS)
    assert get(app, PATHS[0]).body == all_at_once(app)[0].body


def test_a_question_of_a_locked_database_is_busy(catalog: Written) -> None:
    engine = for_file(str(path_of(catalog)))
    home = Apart(engine.dispose)

    async def count() -> int:
        async with engine.connect() as connection:
            return int((await connection.execute(text("SELECT count(*) FROM nodes"))).scalar_one())

    try:
        assert counted(home, count) == 2
        with locked(path_of(catalog)):
            begun = monotonic()
            with pytest.raises(Busy, match="locked by a program"):
                counted(home, count)
            assert monotonic() - begun < SOON
        assert counted(home, count) == 2
    finally:
        home.close()


def counted(home: Home, count: Any) -> int:
    result: int = home(count())
    return result


def test_a_locked_catalog_is_not_opened_and_the_message_says_why(catalog: Written) -> None:
    with locked(path_of(catalog)), pytest.raises(CannotOpen, match="locked by a program that writes to it; ask again later"):
        open_catalog(catalog.uri, catalog.places)


@pytest.mark.parametrize(("state", "is_passing"), [("55P03", True), ("57P03", True), ("53300", True), ("42501", False)])
def test_errors_of_postgresql_that_pass_are_busy(state: str, *, is_passing: bool) -> None:
    class FromPostgreSQL(Exception):
        sqlstate = state

    async def fail() -> None:
        raise FromPostgreSQL

    home = Apart()
    try:
        with pytest.raises(Busy if is_passing else FromPostgreSQL):
            home(fail())
    finally:
        home.close()
