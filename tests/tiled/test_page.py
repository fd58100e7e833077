"""The page "From Tiled": its table is what both servers answer, and its snippets run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tiled.differences import PROBES, Server, tree
from tests.tiled.ways import KEY, fronted, own, serving, tiled
from tiled.adapters.mapping import MapAdapter
from tiled.catalog import from_uri
from tiled.client import from_uri as tiled_client

import snippets

pytestmark = pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated metadata:RuntimeWarning")
PAGE = snippets.ROOT / "docs" / "tiled.md"
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|.*\|$", re.MULTILINE)
SECTIONS = {section.title: section for section in snippets.sections(PAGE)}
HEADERS = {"Authorization": f"Apikey {KEY}"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MapAdapter:
    return tree(tmp_path_factory.mktemp("differences"))


@pytest.fixture(scope="module")
def servers(made: MapAdapter) -> Iterator[tuple[Server, Server]]:
    """Tiled's and ours."""
    with serving(tiled(made)) as theirs, own(made) as ours:
        yield Server(theirs, HEADERS), Server(ours, HEADERS)


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[str, str]]:
    """What the page says of both, by request."""
    return {request.replace("`", ""): (theirs, ours) for request, theirs, ours in ROW.findall(PAGE.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("request_", PROBES)
def test_the_table_says_what_both_answer(request_: str, servers: tuple[Server, Server], rows: dict[str, tuple[str, str]]) -> None:
    assert rows[request_] == tuple(PROBES[request_](server) for server in servers)


def test_what_tileds_client_wrote_to_a_catalog(tmp_path: Path, rows: dict[str, tuple[str, str]]) -> None:
    def catalog(*, is_new: bool = False) -> Any:
        return from_uri(f"sqlite:///{tmp_path}/catalog.db", writable_storage=[str(tmp_path / "data")], init_if_not_exists=is_new)

    with serving(tiled(catalog(is_new=True))) as theirs:
        client = tiled_client(theirs, api_key=KEY)
        client.write_array([1, 2, 3], key="written")
        client.context.close()
        said = Server(theirs, HEADERS).status("/zarr/v3/written/c/0")
    with fronted(catalog()) as ours:
        assert rows["a chunk that Tiled's client wrote to a catalog"] == (said, Server(ours, HEADERS).status("/zarr/v3/written/c/0"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader works: what one section leaves there the next one finds."""
    path = tmp_path_factory.mktemp("page")
    snippets.furnish(path)
    return path


@pytest.mark.parametrize("title", SECTIONS)
def test_section(title: str, folder: Path) -> None:
    snippets.run(SECTIONS[title], folder, snippets.environment())
