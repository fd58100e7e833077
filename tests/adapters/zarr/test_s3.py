"""Arrays in a local S3 (moto), over HTTP: stored chunks are sent byte for byte, and read back equal."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import zarr
from obstore.store import S3Store
from zarr.storage import ObjectStore

import tiled_zarr

moto = pytest.importorskip("moto.server", reason="NOT TESTED: no moto; pip install 'moto[server]'")

pytestmark = pytest.mark.unmeasured

EDGE, CHUNK = 8, 128
IMAGE = (np.arange(EDGE * CHUNK)[:, None] * 7 + np.arange(EDGE * CHUNK) ** 2 // 3).astype("<i4")
INDEXES = list(product(range(EDGE), repeat=2))
SHARD = (4 * CHUNK, 4 * CHUNK)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Store]:
    """A bucket with `v2`, `v3` and sharded arrays, written by zarr-python."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options: dict[str, Any] = {"endpoint": f"http://{host}:{port}", "region": "us-east-1", "client_options": {"allow_http": True}}
    request = urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")
    urllib.request.urlopen(request, timeout=30).close()
    store = S3Store("bucket", access_key_id="a", secret_access_key="b", **options)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for version in (2, 3):
        root = zarr.create_group(ObjectStore(below(store, f"v{version}")), zarr_format=version)
        root.create_array("a", data=IMAGE, chunks=(CHUNK, CHUNK))
    root.create_array("sharded", data=IMAGE, chunks=(CHUNK, CHUNK), shards=SHARD)
    root.create_array("plain", data=IMAGE, chunks=(CHUNK, CHUNK), shards=SHARD, compressors=None)
    yield store
    server.stop()


def below(store: S3Store, prefix: str) -> S3Store:
    """The same bucket, below a prefix."""
    return S3Store(prefix=prefix, config=store.config, client_options=store.client_options)


@pytest.fixture(scope="module")
def served(s3: S3Store) -> Iterator[str]:
    trees = {name: zarr.open_group(ObjectStore(below(s3, name), read_only=True), mode="r") for name in ("v2", "v3")}
    with tiled_zarr.serve(trees) as handle:
        yield handle.url


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
    return body


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize(("path", "key"), [("v3/a", "v3/a/c/{}/{}"), ("v2/a", "v2/a/{}.{}")])
def test_64_of_64_stored_chunks_are_sent_byte_for_byte(s3, served, version, path, key):
    wire = "{}.{}" if version == "v2" else "c/{}/{}"
    sent = [get(f"{served}/zarr/{version}/{path}/{wire.format(*index)}") for index in INDEXES]
    stored = [bytes(s3.get(key.format(*index)).bytes()) for index in INDEXES]
    assert sum(map(bytes.__eq__, sent, stored)) == 64


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("path", ["v2/a", "v3/a", "v3/sharded", "v3/plain"])
def test_arrays_are_read_back_equal(served, version, path):
    array = zarr.open_array(f"{served}/zarr/v{version}/{path}", mode="r", zarr_format=version)
    np.testing.assert_array_equal(array[:], IMAGE)
