"""Sources that change, fail or block while they are read."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import numpy as np
import pytest

from asgi import Answer, ask, asked
from tiled_zarr import Array, Group, Sparse
from tiled_zarr.encoding import encode
from tiled_zarr.hierarchy.keyspace import Chunk
from tiled_zarr.nodes import Changed
from tiled_zarr.resources import Resources


class Source:
    """An array whose data, revision and failures a test decides.

    It counts its reads and the threads that they run in.
    """

    def __init__(self, *, blocking: bool = False, shape: tuple[int, ...] = (4,)) -> None:
        self.data = np.zeros(shape, "<i4")
        self.revisions: list[str | None] = ["r1"]
        self.during: list[Callable[[], None]] = []
        self.reads = 0
        self.threads: set[int] = set()
        self.array = Array(shape=shape, dtype=self.data.dtype, read=self.read, revision=self.revision, blocking=blocking)

    def revision(self) -> str | None:
        return self.revisions[0]

    def read(self, region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        self.reads += 1
        self.threads.add(threading.get_ident())
        block = self.data[region].copy()
        if self.during:
            self.during.pop(0)()
        return block

    def change(self) -> None:
        self.data = self.data + 1
        self.revisions = [f"r{int(self.data[0]) + 1}"]

    def fail(self, error: Exception) -> None:
        def raising() -> None:
            raise error

        self.during = [raising]

    @property
    def root(self) -> Group:
        return Group(children={"a": self.array})


A = "/zarr/v3/a/c/0"


def plain(make: Callable[..., Any], source: Source) -> Any:
    """Bodies are the items themselves."""
    return make(source.root, codec="none")


def items(answer: Answer) -> list[int]:
    assert answer.status == 200
    return np.frombuffer(answer.body, "<i4").tolist()


def test_a_known_chunk_costs_no_reading(make: Callable[..., Any]) -> None:
    source = Source()
    app = make(source.root, cache_size=0)
    etag = ask(app, A).headers["etag"]
    source.reads = 0
    assert ask(app, A, headers={"if-none-match": etag}).status == 304
    assert source.reads == 0


def test_a_cached_chunk_is_read_once(make: Callable[..., Any]) -> None:
    source = Source(blocking=True)
    app = make(source.root)
    for method, headers in [("HEAD", {}), ("GET", {}), ("GET", {"range": "bytes=0-1"}), ("GET", {"range": "bytes=-1"})]:
        assert ask(app, A, method, headers).status in {200, 206}
    assert source.reads == 1


def test_no_stale_304_after_a_change(make: Callable[..., Any]) -> None:
    source = Source()
    app = plain(make, source)
    first = ask(app, A)
    source.change()
    second = ask(app, A, headers={"if-none-match": first.headers["etag"]})
    assert items(second) == [1, 1, 1, 1]
    assert second.headers["etag"] != first.headers["etag"]


def test_without_revision_the_body_decides(make: Callable[..., Any]) -> None:
    source = Source()
    source.revisions = [None]
    app = plain(make, source)
    first = ask(app, A)
    assert ask(app, A, headers={"if-none-match": first.headers["etag"]}).status == 304
    source.data = source.data + 1
    second = ask(app, A, headers={"if-none-match": first.headers["etag"]})
    assert items(second) == [1, 1, 1, 1]
    assert first.headers["cache-control"] == second.headers["cache-control"] == "no-cache"
    assert source.reads == 3


@pytest.mark.parametrize("blocking", [False, True])
def test_data_that_change_while_read_are_read_again(make: Callable[..., Any], blocking: bool) -> None:
    source = Source(blocking=blocking)
    source.during = [source.change]
    app = plain(make, source)
    answer = ask(app, A)
    assert items(answer) == [1, 1, 1, 1]
    assert source.reads == 2
    assert ask(app, A, headers={"if-none-match": answer.headers["etag"]}).status == 304
    assert source.reads == 2


def test_data_that_keep_changing_are_busy(make: Callable[..., Any]) -> None:
    source = Source()
    source.during = [source.change, source.change]
    app = plain(make, source)
    answer = ask(app, A)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert items(ask(app, A)) == [2, 2, 2, 2]


def test_a_node_that_is_replaced_while_read_is_found_again(make: Callable[..., Any]) -> None:
    """What changed may also be the shape: the second try starts at the root."""
    before, after = Source(), Source(shape=(2,))
    children = {"a": before.array}
    before.during = [lambda: (children.update(a=after.array), before.change())[1]]
    app = make(Group(children=children), codec="none")
    assert len(items(ask(app, A))) == 2


@pytest.mark.parametrize(("times", "status"), [(1, 200), (2, 503)])
def test_a_source_that_says_it_changed_is_asked_again(make: Callable[..., Any], times: int, status: int) -> None:
    source = Source(blocking=True)
    source.during = [changed] * times
    assert ask(make(source.root), A).status == status
    assert source.reads == 2


def changed() -> None:
    raise Changed("rewritten")


def test_a_document_whose_node_changes_is_made_again(make: Callable[..., Any]) -> None:
    revisions = chain(["r1"], repeat("r2"))
    node = replace(Source().array, revision=lambda: next(revisions))
    assert ask(make(Group(children={"a": node})), "/zarr/v3/a/zarr.json").status == 200
    endless = (str(i) for i in range(100))
    node = replace(Source().array, revision=lambda: next(endless))
    assert ask(make(Group(children={"a": node})), "/zarr/v3/a/zarr.json").status == 503


FAILURES = {
    "programming": (ValueError("/secret/path: boom"), 500),
    "input and output": (OSError(5, "Input/output error", "/secret/path"), 500),
    "file gone": (FileNotFoundError(2, "No such file", "/secret/path"), 500),
    "key": (KeyError("/secret/path"), 500),
    "no permission": (PermissionError(13, "denied", "/secret/path"), 500),
    "assertion": (AssertionError("/secret/path"), 500),
    "connection": (ConnectionResetError("/secret/path"), 503),
    "time out": (TimeoutError("/secret/path"), 503),
    "locked": (BlockingIOError(11, "locked", "/secret/path"), 503),
    "too many files": (OSError(24, "too many open files", "/secret/path"), 503),
    "stale handle": (OSError(116, "stale file handle", "/secret/path"), 503),
    "memory": (MemoryError("/secret/path"), 503),
}


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(("error", "status"), FAILURES.values(), ids=FAILURES)
def test_a_failing_source_is_never_absent(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture, error: Exception, status: int, blocking: bool
) -> None:
    source = Source(blocking=blocking)
    app = make(source.root)
    source.fail(error)
    with caplog.at_level(logging.ERROR):
        answer = ask(app, A)
    assert answer.status == status
    assert ("retry-after" in answer.headers) is (status == 503)
    assert answer.headers["cache-control"] == "no-store"
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert "secret" in caplog.text
    assert ask(app, A).status == 200, "a failure is not kept"


def test_a_child_that_cannot_be_opened_is_a_failure(make: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    class Children(dict[str, Array]):
        def __getitem__(self, name: str) -> Array:
            if name == "broken":
                raise OSError(5, "Input/output error")
            return super().__getitem__(name)

    children = Children(a=Source().array, broken=Source().array)
    app = make(Group(children=children))
    assert ask(app, "/zarr/v3/broken/zarr.json").status == 500
    assert ask(app, "/zarr/v3/broken/c/0").status == 500
    assert ask(app, "/zarr/v3/a/zarr.json").status == 200
    listing = json.loads(ask(app, "/zarr/v3/", headers={"accept": "application/json"}).body)
    assert [child["name"] for child in listing["children"]] == ["a"]
    assert set(json.loads(ask(app, "/zarr/v3/zarr.json").body)["attributes"]["tiled_zarr"]["unavailable"]) == {"broken"}


def is_made_in_loop(make: Callable[..., Any], source: Source, **settings: Any) -> tuple[bool, bool]:
    """Whether a chunk is read, and whether it is encoded, in the thread of the event loop."""
    threads, made_of = set(), encode.encode

    def noted(chunk: Chunk, resources: Resources) -> bytes:
        threads.add(threading.get_ident())
        return made_of(chunk, resources)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "encode", noted)
        assert ask(make(source.root, **settings), "/zarr/v3/a/c/0").status == 200
    return tuple(made == {threading.get_ident()} for made in (source.threads, threads))


def test_only_quick_chunks_that_cannot_block_are_made_in_the_event_loop(make: Callable[..., Any]) -> None:
    assert is_made_in_loop(make, Source()) == (True, True)
    assert is_made_in_loop(make, Source(blocking=True)) == (False, False)
    assert is_made_in_loop(make, Source(shape=(40000,))) == (True, False), "a view is taken there, and encoded natively"
    quick, slow = Source(shape=(6000,)), Source(shape=(6000,))
    assert is_made_in_loop(make, quick, codec="lz4") == (True, True)
    assert is_made_in_loop(make, slow, codec="zstd:19") == (True, False)


def test_the_index_of_a_sparse_array_is_not_built_in_the_event_loop(make: Callable[..., Any]) -> None:
    threads = []

    def entries() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        threads.append(threading.get_ident())
        return np.array([[1, 2]]), np.array([5.0, 6.0])

    node = Sparse(shape=(4,), dtype=np.dtype("f8"), entries=entries, revision=lambda: "r1", blocking=False)
    app = make(Group(children={"a": node}), codec="none", cache_size=0)
    for _ in range(2):
        assert np.frombuffer(ask(app, "/zarr/v3/a/c/0").body).tolist() == [0, 5, 6, 0]
    assert len(threads) == 1
    assert threads != [threading.get_ident()]


def test_the_loop_answers_while_sources_block(make: Callable[..., Any]) -> None:
    """All threads are busy; cached bodies, 304s and absent keys of blocking nodes need none."""
    source, other = Source(blocking=True), Source(blocking=True)
    app = make(Group(children={"a": source.array, "b": other.array}), threads=1)
    etag = ask(app, A).headers["etag"]
    entered, release = threading.Event(), threading.Event()
    other.during = [lambda: (entered.set(), release.wait(20))[0]]

    async def main() -> None:
        busy = asyncio.ensure_future(asked(app, "/zarr/v3/b/c/0"))
        assert await asyncio.to_thread(entered.wait, 20)
        assert (await asked(app, A)).status == 200
        assert (await asked(app, A, headers={"if-none-match": etag})).status == 304
        assert (await asked(app, "/zarr/v3/b/c/9")).status == 404
        assert (await asked(app, "/zarr/v3/b/zarr.json")).status == 200
        assert not busy.done()
        release.set()
        assert (await busy).status == 200

    asyncio.run(main())


def test_many_who_ask_at_once_share_one_reading(make: Callable[..., Any]) -> None:
    source = Source(blocking=True)
    app = make(source.root, threads=4)
    release = threading.Event()
    source.during = [lambda: (release.wait(20), None)[1]]

    async def main() -> list[Answer]:
        asking = [asyncio.ensure_future(asked(app, A)) for _ in range(4)]
        await asyncio.sleep(0.2)
        release.set()
        return await asyncio.gather(*asking)

    assert {answer.status for answer in asyncio.run(main())} == {200}
    assert source.reads == 1
