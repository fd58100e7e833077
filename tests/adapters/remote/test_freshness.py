"""How long a look is trusted, and what happens when an object is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adapters.remote.conftest import S3, Clock, Opener
from adapters.remote.contents import npy, parquet, png, tiff
from objectserver import ObjectServer, Request
from tiled_zarr.nodes import Array, Changed, Group, Node
from tiled_zarr.testing.contract import assert_same, read

FIRST = np.arange(90_000, dtype="i4").reshape(300, 300)
SECOND = FIRST[:200] * 3 + 1
FILES: dict[str, Callable[[Any], bytes]] = {
    "a.npy": npy,
    "a.tif": lambda array: tiff(array, tile=(64, 64), compression="zlib"),
    "a.png": lambda array: png(array.astype("u1")),
    "a.parquet": lambda array: parquet(10_000, x=array.ravel()),
}


def values(node: Node) -> np.ndarray[Any, Any]:
    if isinstance(node, Group):
        node = node.children["x"]
    assert isinstance(node, Array)
    return read(node, tuple(slice(0, size) for size in node.shape)).astype("i4")


def expected(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype("u1").astype("i4") if name == "a.png" else array.ravel() if name == "a.parquet" else array


@pytest.mark.parametrize("name", FILES)
def test_a_replaced_object_is_another_node(opener: Callable[..., Opener], server: ObjectServer, clock: Clock, name: str) -> None:
    server.objects[f"lab/{name}"] = FILES[name](FIRST)
    group = opener(look=5.0)("s3://lab/")
    assert isinstance(group, Group)
    before = group.children["a"]
    assert_same(values(before), expected(name, FIRST), name)
    revision = before.revision()
    server.objects[f"lab/{name}"] = FILES[name](SECOND)
    assert group.children["a"] is before, "the look is trusted"
    clock.now += 5.1
    after = group.children["a"]
    assert after.revision() not in {None, revision}
    assert before.revision() == after.revision()
    assert_same(values(after), expected(name, SECOND), name)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.parquet"])
@pytest.mark.parametrize("tagged", [True, False], ids=["by ETag", "by time and size"])
def test_bytes_of_two_versions_never_mix(opener: Callable[..., Opener], server: ObjectServer, name: str, tagged: bool) -> None:
    server.has_tags = tagged
    server.objects[f"lab/{name}"] = FILES[name](FIRST)
    opened = opener(look=1e6)
    node = opened(f"s3://lab/{name}")
    server.objects[f"lab/{name}"] = FILES[name](SECOND)
    with pytest.raises(Changed, match="changed while it was being read; ask again"):
        values(node)
    assert node.revision() is None, "nobody has looked since"
    assert_same(values(opened(f"s3://lab/{name}")), expected(name, SECOND), name)


def test_a_store_without_tags_tells_versions_by_their_times(
    opener: Callable[..., Opener], server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.has_tags = False
    server.objects["data/a.npy"] = npy(FIRST)
    node = opener(look=1e6)(f"{server.url}/data/a.npy")
    server.objects["data/a.npy"] = npy(FIRST[::-1].copy())
    monkeypatch.setattr("objectserver.MODIFIED", "Fri, 27 Nov 2026 03:00:01 GMT")
    with pytest.raises(Changed):
        values(node)


def test_an_object_that_is_replaced_between_two_reads(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """One read of many requests, and the object is replaced before the second one."""
    wide = np.random.default_rng(1).integers(0, 255, (16, 2**19), dtype="u1")
    server.objects["lab/w.npy"] = npy(wide)
    node = opener(look=1e6)("s3://lab/w.npy")
    server.requests.clear()

    def replace(_: Request) -> None:
        if len(server.asked("GET")) == 3:
            server.objects["lab/w.npy"] = npy(wide[::-1])

    server.before = replace
    assert isinstance(node, Array)
    with pytest.raises(Changed):
        read(node, (slice(0, 16), slice(0, 512)))
    assert all(request.if_match for request in server.asked("GET"))


def test_a_weak_tag_is_no_condition(opener: Callable[..., Opener], server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """If-Match compares strongly, so a weak tag would never match."""
    answer = ObjectServer._object

    def weak(self: ObjectServer, request: Request) -> Any:
        assert request.if_match is None
        reply = answer(self, request)
        return reply._replace(headers=dict(reply.headers) | {"etag": f"W/{reply.headers['etag']}"})

    monkeypatch.setattr(ObjectServer, "_object", weak)
    server.objects["data/a.npy"] = npy(FIRST)
    node = opener(look=1e6)(f"{server.url}/data/a.npy")
    assert_same(values(node), FIRST, "a.npy")
    server.objects["data/a.npy"] = npy(FIRST + 1)
    with pytest.raises(Changed):
        values(node)


def test_one_look_for_all_who_ask(opener: Callable[..., Opener], server: ObjectServer, clock: Clock) -> None:
    server.objects["lab/a.npy"] = npy(FIRST)
    single = opener(look=5.0).found("s3://lab/a.npy")
    single.node()
    server.requests.clear()
    clock.now += 5.1
    server.delay = 0.2
    threads = [threading.Thread(target=single.node) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [request.method for request in server.requests] == ["HEAD"]


def test_frozen_is_looked_at_once(opener: Callable[..., Opener], server: ObjectServer, clock: Clock) -> None:
    server.objects["lab/d/a.npy"] = npy(FIRST)
    single, prefix = (opener(look=5.0).found(url, frozen=True) for url in ("s3://lab/d/a.npy", "s3://lab/d/"))
    single.node()
    prefix.children["a"]
    server.requests.clear()
    clock.now += 1e9
    single.node()
    assert list(prefix.children) == ["a"]
    assert prefix.children["a"].revision() == single.node().revision() is not None
    assert server.requests == []


def test_a_node_that_nobody_looks_at_is_looked_at_by_itself(opener: Callable[..., Opener], server: ObjectServer, clock: Clock) -> None:
    """The revision of what `tiled_zarr.open` gives is asked for in the event loop, which must not wait."""
    server.objects["lab/a.npy"] = npy(FIRST)
    node = opener(look=5.0)("s3://lab/a.npy")
    before = node.revision()
    looked = threading.Event()
    server.before = lambda _: looked.set()
    server.objects["lab/a.npy"] = npy(SECOND)
    clock.now += 7
    assert node.revision() is None
    assert looked.wait(30)
    end = time.monotonic() + 30
    while (after := node.revision()) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert after not in {None, before}


def test_a_listing_is_a_look_at_all_it_names(opener: Callable[..., Opener], server: ObjectServer, clock: Clock) -> None:
    server.objects.update({f"lab/a{i}x.npy": npy(FIRST + i) for i in range(5)})
    group = opener(look=5.0)("s3://lab/")
    assert isinstance(group, Group)
    for i in range(5):
        assert_same(values(group.children[f"a{i}x"]), FIRST + i, str(i))
    assert len(server.asked("HEAD", "x.npy")) == 1, "one, to see that listings tell the same tags"
    clock.now += 5.1
    server.requests.clear()
    group.children["a3x"]
    assert len(server.requests) == 1


def test_a_listing_with_other_tags_is_no_look(opener: Callable[..., Opener], server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure lists ETags without their quotes: reads on that condition would fail for ever."""
    listing = ObjectServer._listing
    monkeypatch.setattr(
        ObjectServer, "_listing", lambda self, *asked: (found := listing(self, *asked))._replace(body=found.body.replace(b"&quot;", b""))
    )
    server.objects.update({f"lab/a{i}x.npy": npy(FIRST + i) for i in range(3)})
    group = opener(look=1e6)("s3://lab/")
    assert isinstance(group, Group)
    for i in range(3):
        assert_same(values(group.children[f"a{i}x"]), FIRST + i, str(i))


def test_names_come_and_go(opener: Callable[..., Opener], server: ObjectServer, clock: Clock) -> None:
    server.objects["lab/a.npy"] = npy(FIRST)
    group = opener(look=5.0)("s3://lab/")
    assert isinstance(group, Group)
    assert group.outline is not None
    names, outlined = list(group.children), group.outline.revision()
    server.objects["lab/b.npy"] = npy(SECOND)
    assert list(group.children) == names == ["a"]
    clock.now += 5.1
    assert list(group.children) == ["a", "b"]
    assert group.outline.revision() != outlined
    group.children["b"]
    del server.objects["lab/b.npy"]
    clock.now += 5.1
    with pytest.raises(KeyError):
        group.children["b"]


@pytest.mark.parametrize("name", ["a.npy", "a.png"])
def test_a_document_depends_on_what_was_opened(opener: Callable[..., Opener], server: ObjectServer, clock: Clock, name: str) -> None:
    """A look that comes after a node was opened must not pass for the one before."""
    server.objects[f"lab/{name}"] = FILES[name](FIRST)
    group = opener(look=5.0)("s3://lab/")
    assert isinstance(group, Group)
    assert group.outline is not None
    assert group.outline.sources() is None, "nobody has opened it"
    group.children["a"]
    ((source, revision),) = group.outline.sources() or []
    assert source.revision() == revision
    server.objects[f"lab/{name}"] = FILES[name](SECOND)
    clock.now += 5.1
    list(group.children)
    ((source, revision),) = group.outline.sources() or []
    assert source.revision() != revision
    group.children["a"]
    ((source, revision),) = group.outline.sources() or []
    assert source.revision() == revision


def test_an_object_that_has_gone_since_the_listing(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """Within the time of the listing: the read says that it has gone, and the next look lists again."""
    server.objects["lab/a.npy"] = npy(FIRST)
    group = opener(look=1e6)("s3://lab/")
    assert isinstance(group, Group)
    node = group.children["a"]
    del server.objects["lab/a.npy"]
    with pytest.raises(FileNotFoundError):
        values(node)
    with pytest.raises(KeyError):
        group.children["a"]


def test_a_local_s3_refuses_another_version(s3: S3) -> None:
    import tiled_zarr

    s3.client.put_object(Bucket="lab", Key="fresh/a.npy", Body=npy(FIRST))
    node = tiled_zarr.open("s3://lab/fresh/a.npy")
    assert_same(values(node), FIRST, "before")
    s3.client.put_object(Bucket="lab", Key="fresh/a.npy", Body=npy(SECOND))
    with pytest.raises(Changed):
        values(node)
    assert_same(values(tiled_zarr.open("s3://lab/fresh/a.npy")), SECOND, "after")
