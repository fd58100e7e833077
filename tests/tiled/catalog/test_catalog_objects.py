"""Arrays of a catalog whose chunks are in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.tiled import objects
from tests.tiled.catalogs import Written, array_at, at, get, values, written

pytestmark = pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning")  # of the test client that Tiled uses

IMAGE = np.arange(60 * 40, dtype="i4").reshape(60, 40)
OPTIONS = {"access_key_id": "a", "secret_access_key": "s", "region": "us-east-1", "client_options": {"allow_http": True}}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Written]:
    with objects.serving() as bucket, written(tmp_path, store={"uri": bucket, "provider": "s3", "config": OPTIONS}) as made:
        yield made


def test_an_array_in_an_object_store_is_that_of_tileds_client_and_follows(catalog: Written) -> None:
    array = catalog.client.write_array(IMAGE, key="x", metadata={"a": 1}, dims=["y", "x"])
    assert not list(Path(catalog.outside.parent, "data").iterdir())
    root = catalog.root()
    np.testing.assert_array_equal(values(at(root, "x")), array.read())
    assert array_at(root, "x").revision() is None
    app = catalog.app()
    first = get(app, "/zarr/v3/x/c/0/0")
    assert first.status == 200
    assert get(app, "/zarr/v3/x/c/0/0", if_none_match=first.headers["etag"]).status == 304
    array.write_block(IMAGE * 2, block=(0, 0))
    assert get(app, "/zarr/v3/x/c/0/0", if_none_match=first.headers["etag"]).status == 200
    np.testing.assert_array_equal(values(at(root, "x")), IMAGE * 2)
    array.patch(IMAGE[:3], offset=(60,), extend=True)
    array.refresh()
    np.testing.assert_array_equal(values(at(root, "x")), array.read())
