"""Arrays in object stores, whose chunks are read from one version of an object each.

Truths are what zarr-python wrote. A server that counts requests stands for the store; MemoryStore
and LocalStore of obstore are in test_objects.py, and moto's S3 is in test_s3.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
import zarr
from zarr.storage import ObjectStore

import tiled_zarr
from asgi import ask
from objectserver import ObjectServer
from tiled_zarr.adapters.zarr.objects import Followed
from tiled_zarr.app import create_app
from tiled_zarr.grid import Grid
from tiled_zarr.nodes import Array, Changed, Damaged, Group, Node
from tiled_zarr.settings import Settings
from tiled_zarr.testing import whole

LONG = 3600.0
WIDE = (np.arange(512)[:, None] * 7 + np.arange(512) ** 2 // 3).astype("<i4")
CHUNK = (128, 128)
"""Large enough to be served as they are stored."""
SHARD = (256, 256)
LAYOUTS: dict[str, dict[str, Any]] = {
    "v2": {"zarr_format": 2},
    "v3": {},
    "sharded": {"shards": SHARD},
    "sharded_plain": {"shards": SHARD, "compressors": None},
    "sharded_index_first": {"shards": {"shape": SHARD, "index_location": "start"}},
}


@pytest.fixture
def server() -> Iterator[ObjectServer]:
    with ObjectServer() as server:
        yield server


def stored(folder: Path, data: np.ndarray = WIDE, **options: Any) -> Path:
    """A hierarchy with the array `a`, in a folder."""
    root = zarr.create_group(folder, zarr_format=options.pop("zarr_format", 3), overwrite=True)
    root.create_array("a", data=data, chunks=CHUNK, **options)
    return folder


def upload(server: ObjectServer, folder: Path) -> None:
    server.objects.clear()
    server.add(folder, "bucket/t.zarr")


def opened(server: ObjectServer, life: float = LONG, **options: Any) -> Node:
    return Followed(ObjectStore(server.s3("bucket", prefix="t.zarr", **options), read_only=True), life=life)()


def array(node: Node) -> Array:
    assert isinstance(node, Group)
    found = node.children["a"]
    assert isinstance(found, Array)
    return found


def app_of(node: Node) -> Any:
    return create_app(Group(children={"t": node}), Settings(public=True))


def chunk(y: int, x: int) -> str:
    return f"/zarr/v3/t/a/c/{y}/{x}"


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_values_and_stored_chunks_are_those_of_the_store(server, tmp_path, options):
    upload(server, stored(tmp_path / "t", **options))
    a = array(opened(server))
    np.testing.assert_array_equal(whole(a), WIDE)
    bodies = [a.source.stored.read(index) for index in Grid(a.shape, a.chunks)]
    assert None not in bodies
    if "shards" not in options:
        assert sorted(bodies) == sorted(body for key, body in server.objects.items() if key.rpartition("/")[2][0].isdigit())


@pytest.mark.parametrize("options", [LAYOUTS["v2"], LAYOUTS["v3"]], ids=["v2", "v3"])
def test_a_chunk_costs_one_request_and_nothing_while_its_tag_is_trusted(server, tmp_path, options):
    upload(server, stored(tmp_path / "t", **options))
    app = app_of(opened(server))
    assert ask(app, "/zarr/v3/t/a/zarr.json").status == 200
    ask(app, chunk(0, 0))
    server.requests.clear()
    answer = ask(app, chunk(1, 2))
    assert (answer.status, [request.method for request in server.requests]) == (200, ["GET"])
    assert ask(app, chunk(1, 2)).body == answer.body
    assert ask(app, chunk(1, 2), headers={"if-none-match": answer.headers["etag"]}).status == 304
    assert len(server.requests) == 1


def test_a_304_costs_one_head_for_the_chunk_once_its_tag_is_old(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    app = app_of(opened(server, life=0.0))
    tag = ask(app, chunk(1, 2)).headers["etag"]
    server.requests.clear()
    assert ask(app, chunk(1, 2), headers={"if-none-match": tag}).status == 304
    assert [request.method for request in server.requests if request.key.endswith("c/1/2")] == ["HEAD"]
    assert not server.asked("GET")
    again = app_of(opened(server, life=0.0))  # a server that has started again
    server.requests.clear()
    assert ask(again, chunk(1, 2), headers={"if-none-match": tag}).status == 304
    assert [request.method for request in server.requests if request.key.endswith("c/1/2")] == ["HEAD"]


def test_a_chunk_that_was_rewritten_has_another_tag_and_other_bytes(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    app = app_of(opened(server, life=0.0))
    first = ask(app, chunk(0, 0))
    upload(server, stored(tmp_path / "t", WIDE + 1))
    second = ask(app, chunk(0, 0), headers={"if-none-match": first.headers["etag"]})
    assert second.status == 200
    assert second.body == server.objects["bucket/t.zarr/a/c/0/0"] != first.body
    assert second.headers["etag"] != first.headers["etag"]


def test_data_that_never_change_are_looked_at_once(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    app = app_of(opened(server, life=float("inf")))
    tag = ask(app, chunk(0, 0)).headers["etag"]
    server.requests.clear()
    assert ask(app, chunk(0, 0), headers={"if-none-match": tag}).status == 304
    assert server.requests == []


@pytest.mark.parametrize("name", [name for name in LAYOUTS if "sharded" in name])
def test_one_index_is_read_per_shard(server, tmp_path, name):
    upload(server, stored(tmp_path / "t", **LAYOUTS[name]))
    app = app_of(opened(server))
    for y in range(4):
        for x in range(4):
            assert ask(app, chunk(y, x)).status == 200
    ranges = [request for request in server.asked("GET") if "/a/c/" in request.key]
    indexes = [request for request in ranges if request.if_match is None]
    assert sorted(request.key[-3:] for request in indexes) == ["0/0", "0/1", "1/0", "1/1"]
    assert len(ranges) == 4 + 16
    assert not [request for request in server.asked("HEAD") if "/a/c/" in request.key]


@pytest.mark.parametrize("name", [name for name in LAYOUTS if "sharded" in name])
def test_a_shard_that_is_rewritten_between_its_index_and_a_chunk(server, tmp_path, name):
    """The new shard has its chunks elsewhere, since one of them is missing."""
    fewer = WIDE.copy()
    fewer[:128, :128] = 0
    upload(server, stored(tmp_path / "t", **LAYOUTS[name]))
    app = app_of(opened(server))
    ask(app, chunk(0, 0))  # the index is known now

    new = ObjectServer()
    new.add(stored(tmp_path / "new", fewer, **LAYOUTS[name]), "bucket/t.zarr")
    key = "bucket/t.zarr/a/c/0/0"
    assert len(new.objects[key]) < len(server.objects[key])
    server.objects[key] = new.objects[key]
    truth = zarr.open_array(tmp_path / "new", path="a", mode="r")[:128, 128:256]
    answer = ask(app, chunk(0, 1))
    assert answer.status == 200
    served = array(opened(server))
    np.testing.assert_array_equal(served.read((slice(0, 128), slice(128, 256))), truth)
    assert answer.body == served.source.stored.read((0, 1))


def test_a_shard_that_is_rewritten_all_the_time_is_an_error(server, tmp_path):
    upload(server, stored(tmp_path / "t", shards=SHARD, compressors=None))
    a = array(opened(server))
    a.source.stored.read((0, 0))
    key = "bucket/t.zarr/a/c/0/0"

    def rewrite(request):
        if request.key == key:
            server.objects[key] = server.objects[key][1:64] + server.objects[key][:1] + server.objects[key][64:]

    server.before = rewrite
    with pytest.raises(Changed):
        a.source.stored.read((0, 1))
    assert ask(app_of(opened(server)), chunk(0, 1)).status == 503


@pytest.mark.parametrize("name", ["v3", "sharded"])
def test_chunks_that_were_never_written_are_fill_values(server, tmp_path, name):
    upload(server, stored(tmp_path / "t", **LAYOUTS[name]))
    for key in [key for key in server.objects if "/a/c/0/" in key]:
        del server.objects[key]
    app = app_of(opened(server))
    np.testing.assert_array_equal(whole(array(opened(server)))[:128], 0)
    assert ask(app, chunk(0, 0)).status == 200


def test_an_array_that_is_gone_is_gone(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    app = app_of(opened(server, life=0.0))
    ask(app, "/zarr/v3/t/a/zarr.json")
    ask(app, chunk(0, 0))
    for key in [key for key in server.objects if "/a/" in key]:
        del server.objects[key]
    assert ask(app, chunk(0, 0)).status == 410
    assert ask(app, "/zarr/v3/t/a/zarr.json").status == 404


@pytest.mark.parametrize("fault", [403, 500, 503])
@pytest.mark.parametrize("name", ["v3", "sharded"])
def test_what_the_store_refuses_is_not_absent(server, tmp_path, name, fault):
    upload(server, stored(tmp_path / "t", **LAYOUTS[name]))
    app = app_of(opened(server, life=0.0))
    tag = ask(app, chunk(0, 0)).headers["etag"]
    server.faults["bucket/t.zarr/a/c/0/0"] = fault
    answers = [ask(app, chunk(0, 0)), ask(app, chunk(0, 0), headers={"if-none-match": tag})]
    assert [answer.status for answer in answers] == [500 if fault == 403 else 503] * 2
    assert "127.0.0.1" not in answers[0].body.decode()
    server.faults = {"bucket/t.zarr/a/zarr.json": fault}
    assert [ask(app, path).status // 100 for path in (chunk(0, 0), "/zarr/v3/t/a/zarr.json")] == [5, 5]
    server.faults.clear()
    assert ask(app, chunk(0, 0)).status == 200


def test_a_store_that_does_not_answer_is_a_5xx(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    app = app_of(opened(server, timeout=0.5))
    ask(app, chunk(0, 0))
    server.faults["bucket/t.zarr/a/c/1/1"] = "hang"
    assert ask(app, chunk(1, 1)).status == 503


def test_32_reads_of_a_store_are_under_way_at_once(server, tmp_path):
    """The store answers no request before there are 32."""
    data = np.ones((1024, 512), "<i4")
    upload(server, stored(tmp_path / "t", data))
    source = zarr.open_group(ObjectStore(server.s3("bucket", prefix="t.zarr"), read_only=True), mode="r")
    with tiled_zarr.serve(source) as served, ThreadPoolExecutor(32) as clients:

        def get(index: tuple[int, int]) -> int:
            with urlopen(served.url + "/zarr/v3/a/c/{}/{}".format(*index), timeout=60) as answer:
                return len(answer.read())

        get((0, 0))
        server.together = 31
        sizes = list(clients.map(get, [index for index in product(range(8), range(4)) if index != (0, 0)]))
    assert len(sizes) == 31
    assert min(sizes) > 0


def test_documents_are_asked_for_once_per_time(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    node = opened(server)
    a = array(node)
    server.requests.clear()
    assert array(node) is a
    assert server.requests == []


def test_a_document_that_was_rewritten_is_another_node(server, tmp_path):
    upload(server, stored(tmp_path / "t"))
    node = opened(server, life=0.0)
    a = array(node)
    assert array(node) is a
    upload(server, stored(tmp_path / "t", WIDE[:256]))
    assert array(node).shape == (256, 512)


def test_consolidated_trees_are_followed(server, tmp_path):
    folder = stored(tmp_path / "t", zarr_format=2)
    zarr.consolidate_metadata(folder, zarr_format=2)
    upload(server, folder)
    follow = Followed(ObjectStore(server.s3("bucket", prefix="t.zarr"), read_only=True), life=0.0)
    node = follow()
    assert follow() is node
    assert list(node.children) == ["a"]
    zarr.open_group(folder, mode="r+", use_consolidated=False).create_array("b", data=WIDE, chunks=CHUNK)
    zarr.consolidate_metadata(folder, zarr_format=2)
    upload(server, folder)
    assert list(follow().children) == ["a", "b"]


def test_a_region_of_several_objects_has_all_their_tags(server, tmp_path):
    """Chunks of 16 KiB are served four at a time, and are fetched together."""
    root = zarr.create_group(tmp_path / "t")
    root.create_array("a", data=WIDE, chunks=(64, 64))
    upload(server, tmp_path / "t")
    app = app_of(opened(server, life=0.0))
    first = ask(app, chunk(0, 0))
    served = array(opened(server)).chunks
    assert served == (64, 64)
    keys = {request.key for request in server.asked("GET") if "/a/c/" in request.key}
    assert len(keys) > 1
    server.requests.clear()
    assert ask(app, chunk(0, 0), headers={"if-none-match": first.headers["etag"]}).status == 304
    assert {request.key for request in server.asked("HEAD") if "/a/c/" in request.key} == keys
    last = max(keys)
    server.objects[last] = server.objects["bucket/t.zarr/a/c/7/7"]
    assert ask(app, chunk(0, 0), headers={"if-none-match": first.headers["etag"]}).status == 200


DAMAGES = {
    "chunk": ("v3", "a/c/0/0", lambda body: body[:10]),
    "index": ("sharded", "a/c/0/0", lambda body: body[:-1]),
    "emptied shard": ("sharded", "a/c/0/0", lambda _: b""),
    "shard": ("sharded_plain", "a/c/0/0", lambda body: body[:-30] + b"?" + body[-29:]),
    "document": ("v3", "a/zarr.json", lambda body: body[:-10]),
}


@pytest.mark.parametrize(("name", "key", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_an_error(server, tmp_path, name, key, damage):
    upload(server, stored(tmp_path / "t", **LAYOUTS[name]))
    server.objects[f"bucket/t.zarr/{key}"] = damage(server.objects[f"bucket/t.zarr/{key}"])
    with pytest.raises(Damaged):
        whole(array(opened(server)))
    assert ask(app_of(opened(server)), chunk(0, 0)).status // 100 == 5


@pytest.mark.parametrize("name", ["v3", "sharded"])
def test_a_web_server_without_tags_has_no_revisions(tmp_path, name):
    with ObjectServer(has_tags=False) as server:
        upload(server, stored(tmp_path / "t", **LAYOUTS[name]))
        source = zarr.open_array(ObjectStore(server.http("bucket/t.zarr"), read_only=True), path="a", mode="r")
        from tiled_zarr.adapters.registry import adapt

        a = adapt(source)
        np.testing.assert_array_equal(whole(a), WIDE)
        assert a.revision((slice(0, 1), slice(0, 1))) is None
