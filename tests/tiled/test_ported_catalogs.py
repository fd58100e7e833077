"""What Tiled's client writes and registers in a catalog equals what it reads back, in each way of serving."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tiled import same
from tests.tiled.ported_catalog import CASES
from tests.tiled.ways import KEY, Opening, fronted
from tiled.catalog import from_uri as catalog_from_uri
from tiled.client import from_uri

from live import live

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("catalog")
    for name in ("written", "files"):
        (made / name).mkdir()
    return made


@pytest.fixture(scope="module")
def front_address(folder: Path) -> Iterator[str]:
    """A Tiled server with a catalog, with ours before it."""
    catalog = catalog_from_uri(
        f"sqlite:///{folder}/catalog.db",
        writable_storage=[str(folder / "written"), f"sqlite:///{folder}/rows.db"],
        readable_storage=[str(folder / "files")],
        init_if_not_exists=True,
    )
    with fronted(catalog) as address:
        yield address


@pytest.fixture(scope="module")
def catalog_address(front_address: str, folder: Path) -> Iterator[str]:
    """Our server over the same database, which starts while the catalog is empty."""
    data = ("--read", folder / "written", "--read", f"sqlite:///{folder}/rows.db", "--read", folder / "files")
    with live("catalog", f"sqlite:///{folder}/catalog.db", *data, "--api-key", KEY, server="uvicorn") as server:
        yield server.url


@pytest.fixture(scope="module")
def theirs(front_address: str, catalog_address: str, folder: Path) -> same.Seen:
    """What Tiled's client reads, after it has written a container for each case through the front."""
    client = from_uri(front_address, api_key=KEY)
    for name, fill in CASES.items():
        fill(client.create_container(name), folder / "files" / name)
    whole = same.seen(client)
    client.context.close()
    return whole


@pytest.fixture(params=["front", "catalog"])
def address(request: pytest.FixtureRequest, front_address: str, catalog_address: str) -> str:
    return front_address if request.param == "front" else catalog_address


@pytest.mark.parametrize("base", ["/zarr/v2", "/zarr/v3"])
@pytest.mark.parametrize("case", CASES)
def test_a_case_equals_what_tileds_client_reads(theirs: same.Seen, address: str, case: str, base: str, opening: Opening) -> None:
    assert list(same.differences(theirs.children[case], opening(f"{address}{base}/{case}"))) == []
