"""Trees as Tiled's tests of its adapters have, equal to what Tiled's own client reads, through adapters alone and front."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zarr
from tests.tiled import ported_adapters, same
from tests.tiled.ways import KEY, WAYS, Opening, serving, tiled
from tiled.adapters.mapping import MapAdapter
from tiled.client import from_uri

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently"),
    pytest.mark.filterwarnings("ignore:The dataset:UserWarning"),  # Tiled's adapter of HDF5 text
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> MapAdapter:
    return ported_adapters.tree(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module")
def theirs(tree: MapAdapter) -> same.Seen:
    """What Tiled's own client reads from a Tiled server."""
    with serving(tiled(tree)) as url:
        client = from_uri(url, api_key=KEY)
        whole = same.seen(client)
        client.context.close()
    return whole


@pytest.fixture(scope="module", params=["own", "front", "routers"])
def address(request: pytest.FixtureRequest, tree: MapAdapter) -> Iterator[str]:
    with WAYS[request.param](tree) as url:
        yield url


@pytest.mark.parametrize("base", ["/zarr/v2", "/zarr/v3"])
@pytest.mark.parametrize("part", ["array", "sparse", "dataframe", "hdf5", "tiff", "xarray"])
def test_a_tree_equals_what_tileds_client_reads(theirs: same.Seen, address: str, base: str, part: str, opening: Opening) -> None:
    ours = opening(f"{address}{base}/{part}")
    assert isinstance(ours, zarr.Group)
    assert list(same.differences(theirs.children[part], ours)) == []
