"""HDF5 files in a local S3: stored chunks are sent as they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from types import ModuleType
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from adapters.remote.conftest import S3
from stored import encodings, key, opened
from tiled_zarr.adapters.remote.open import open_remote
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Config, KeySpace
from tiled_zarr.resources import Resources
from tiled_zarr.stores import value

DATA = np.add.outer(np.arange(1024, dtype="u2"), np.arange(1024, dtype="u2") // 3)
STORED: dict[str, dict[str, Any]] = {
    "zstd": dict(hdf5plugin.Zstd(clevel=3)),
    "blosc": dict(hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=1)),
    "none": {},
}


def written(filters: dict[str, Any]) -> bytes:
    """A file of 64 chunks."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("a", data=DATA, chunks=(128, 128), **filters)
    return content.getvalue()


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    made = Resources.of()
    yield made
    made.close()


@pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
@pytest.mark.parametrize("name", STORED)
def test_all_stored_chunks_are_sent_as_they_are(s3: S3, resources: Resources, name: str, format_: ModuleType) -> None:
    content = written(STORED[name])
    s3.client.put_object(Bucket="lab", Key=f"deep/{name}.h5", Body=content)
    keys = KeySpace(open_remote(f"s3://lab/deep/{name}.h5", resources), format_, Config(chunk_shape=(128, 128)))
    indexes = list(product(range(8), range(8)))
    with encodings() as native:
        sent = {index: value(keys, key(index, format_)) for index in indexes}
        assert native.encode.call_count == 0
    with h5py.File(io.BytesIO(content)) as file:
        stored = {index: file["a"].id.read_direct_chunk((index[0] * 128, index[1] * 128))[1] for index in indexes}
    assert len(stored) == 64
    assert sent == stored
    np.testing.assert_array_equal(opened(keys)[...], DATA)
