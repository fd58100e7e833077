"""HDF5 files in stores: stored chunks are sent as they are, and failures have the status of local files'."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import product
from types import ModuleType
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from adapters.remote.conftest import S3
from adapters.remote.test_serving import Served, chunk
from objectserver import ObjectServer
from stored import encodings, key, opened
from tiled_zarr.adapters.remote.open import open_remote
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Config, KeySpace
from tiled_zarr.resources import Resources
from tiled_zarr.settings import Mount, Settings
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


@pytest.fixture
def serve(server: ObjectServer) -> Iterator[Callable[..., Served]]:
    """A function that serves the bucket."""
    made: list[Served] = []
    store = {"endpoint": server.url, "region": "us-east-1", "anonymous": True}

    def serving(**settings: Any) -> Served:
        mount = Mount(path="", source="remote", target="s3://lab/", store=store)
        made.append(Served(Settings(trees=(mount,), public=True, **settings)))
        return made[-1]

    yield serving
    for one in made:
        one.tree.resources.close()


def filled(fill: Callable[[h5py.File], Any]) -> bytes:
    """A file that a function fills, after 8 MiB, so that it is not read whole."""
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=8 * 1024 * 1024) as file:
        fill(file)
    return content.getvalue()


def test_damage_is_a_5xx_with_its_reason(serve: Callable[..., Served], server: ObjectServer, quiet: None) -> None:
    content = bytearray(written(STORED["zstd"]))
    with h5py.File(io.BytesIO(content)) as file:
        place = file["a"].id.get_chunk_info(1)
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    server.objects |= {"lab/bad.h5": bytes(content), "lab/cut.h5": bytes(content[:5000])}
    server.objects["lab/link.h5"] = filled(lambda file: file.__setitem__("a", h5py.ExternalLink("gone.h5", "/a")))
    served = serve()
    np.testing.assert_array_equal(chunk(served("/zarr/v3/bad/a/c/1/1"), (512, 512)), DATA[512:, 512:])
    for path, reason in {
        "bad/a/c/0/0": "/a cannot be decoded",
        "cut/a/c/0/0": "'cut.h5' cannot be read as an HDF5 file",
        "link/a/c/0/0": "a link to the file 'gone.h5', which is missing",
    }.items():
        answer = served(f"/zarr/v3/{path}")
        assert (answer.status, reason in answer.body.decode()) == (500, True), (path, answer.body)
    assert "which is missing" in served.document("link/")["attributes"]["tiled_zarr"]["unavailable"]["a"]
    assert "cannot be read as an HDF5 file" in served.document("")["attributes"]["tiled_zarr"]["unavailable"]["cut"]


def test_a_replaced_file_is_never_mixed(serve: Callable[..., Served], server: ObjectServer) -> None:
    """Nobody has looked at it again: the read is refused, and the request answered anew, or a 503."""

    def of(data: np.ndarray[Any, Any]) -> bytes:
        return filled(lambda file: file.create_dataset("a", data=data, chunks=(512, 512), compression="gzip"))

    server.objects["lab/a.h5"] = of(DATA)
    served = serve(remote_look=1e6)
    np.testing.assert_array_equal(chunk(served("/zarr/v3/a/a/c/0/0"), (512, 512)), DATA[:512, :512])
    server.objects["lab/a.h5"] = of(DATA + 1)
    answer = served("/zarr/v3/a/a/c/1/1")
    if answer.status != 200:
        assert answer.status == 503
        answer = served("/zarr/v3/a/a/c/1/1")
    np.testing.assert_array_equal(chunk(answer, (512, 512)), DATA[512:, 512:] + 1)


def test_a_store_that_hangs_is_a_503(serve: Callable[..., Served], server: ObjectServer) -> None:
    """What a helper reads, and what the server reads."""

    def fill(file: h5py.File) -> None:
        file.create_dataset("a", data=DATA, chunks=(512, 512), compression="gzip")
        file["between"] = DATA
        file["texts"] = [f"{number:0200}" for number in range(3000)]  # more than a block

    server.objects["lab/a.h5"] = filled(fill)
    served = serve(read_timeout=2.0, remote_look=1e6)
    served("/zarr/v3/a/a/c/0/0")
    server.faults["lab/a.h5"] = "hang"
    for path in ("a/a/c/1/1", "a/texts/c/0"):
        answer = served(f"/zarr/v3/{path}")
        assert answer.status == 503, (path, answer.body)
        assert "retry-after" in answer.headers
    server.faults.clear()
    np.testing.assert_array_equal(chunk(served("/zarr/v3/a/a/c/1/1"), (512, 512)), DATA[512:, 512:])
