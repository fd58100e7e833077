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

from stored import encodings, key, opened
from tiled_zarr.adapters.remote.open import open_remote
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Config, KeySpace
from tiled_zarr.resources import Resources
from tiled_zarr.stores import value

DATA = np.add.outer(np.arange(1024, dtype="u2"), np.arange(1024, dtype="u2") // 3)
SECRET = "secret-of-the-tests"
STORED: dict[str, dict[str, Any]] = {
    "zstd": dict(hdf5plugin.Zstd(clevel=3)),
    "blosc": dict(hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=1)),
    "none": {},
}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of a local S3 with the bucket `data`; the environment leads to it."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }.items():
            patch.setenv(name, text)
        made = boto3.client("s3")
        made.create_bucket(Bucket="data")
        for name, filters in STORED.items():
            content = io.BytesIO()
            with h5py.File(content, "w") as file:
                file.create_dataset("a", data=DATA, chunks=(128, 128), **filters)
            made.put_object(Bucket="data", Key=f"deep/{name}.h5", Body=content.getvalue())
        yield made
    server.stop()


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    made = Resources.of()
    yield made
    made.close()


@pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
@pytest.mark.parametrize("name", STORED)
def test_all_stored_chunks_are_sent_as_they_are(s3: Any, resources: Resources, name: str, format_: ModuleType) -> None:
    keys = KeySpace(open_remote(f"s3://data/deep/{name}.h5", resources), format_, Config(chunk_shape=(128, 128)))
    indexes = list(product(range(8), range(8)))
    with encodings() as native:
        sent = {index: value(keys, key(index, format_)) for index in indexes}
        assert native.encode.call_count == 0
    content = s3.get_object(Bucket="data", Key=f"deep/{name}.h5")["Body"].read()
    with h5py.File(io.BytesIO(content)) as file:
        stored = {index: file["a"].id.read_direct_chunk((index[0] * 128, index[1] * 128))[1] for index in indexes}
    assert len(stored) == 64
    assert sent == stored
    np.testing.assert_array_equal(opened(keys)[...], DATA)
