"""Sources that hang do not stop anything else.

Other sources, the documents and listings that name them, and the end of the server go on.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hanging import WAIT, Asking, Children, Hanging, Leaving, folder, plain
from tiled_zarr import Group, Table, hangs
from tiled_zarr.app import create_app
from tiled_zarr.http.work import jobs, work
from tiled_zarr.nodes import Node
from tiled_zarr.settings import Settings

READ = 0.6
"""Seconds for a read, where a test waits for their end."""
SOON = {"read_timeout": READ}
JSON = {"accept": "application/json"}


def run(test: Callable[[Asking], Awaitable[None]], root: Group, **settings: Any) -> None:
    """Run a test over an application with 12 threads for sources; release what it left hanging."""
    app = create_app(root, Settings(**({"public": True, "threads": 12, "cache_size": 0} | settings)))
    asyncio.run(asyncio.wait_for(test(Asking(app)), 3 * WAIT))


@pytest.fixture
def hung() -> Any:
    """A source, which is let go at the end."""
    source = Hanging()
    yield source
    source.is_open.set()


@pytest.mark.parametrize("assembled", [folder, lambda children: Group(children=children)], ids=["folder", "mapping"])
def test_reads_that_hang_leave_threads_for_all_others(hung: Hanging, assembled: Callable[..., Group]) -> None:
    root = assembled({"hung": hung.array(), "good": plain(), "sub": assembled({"good": plain()})})

    async def test(ask: Asking) -> None:
        lost = [ask.get(f"/zarr/v3/hung/c/{number}") for number in range(20)]
        await ask.until(lambda: hung.asked == 6)
        for path in ("good/c/0", "sub/good/c/0", "good/zarr.json", "zarr.json", "", "sub/"):
            assert (await ask.get(f"/zarr/v3/{path}")).status == 200, path
        for path in ("/", "/view/sub", "/view/good", "/zarr/v2/.zmetadata", "/ome-zarr/0.4/", "/readyz", "/healthz"):
            assert (await ask.get(path)).status == 200, path
        assert (await ask.threads("busy"), await ask.threads("stuck"), await ask.metric("work_pending")) == (6, 0, 20)
        hung.is_open.set()
        assert {answer.status for answer in await asyncio.gather(*lost)} == {200}
        assert (await ask.threads("busy"), await ask.metric("work_pending")) == (0, 0)

    run(test, root)


def test_a_read_that_takes_too_long_is_503_and_its_thread_is_replaced(hung: Hanging) -> None:
    async def test(ask: Asking) -> None:
        lost = await asyncio.gather(*(ask.get(f"/zarr/v3/hung/c/{number}") for number in range(10)))
        assert {(answer.status, answer.headers["retry-after"]) for answer in lost} == {(503, "5")}
        texts = {answer.body.decode() for answer in lost}
        late = "the source did not answer within 0.6 s"
        closed = "several reads of the source have taken more than 0.6 s; it is read again when one of them ends"
        assert texts == {f"{late}; ask again later\n", f"{closed}\n"}
        assert (await ask.threads("stuck"), await ask.threads("busy"), await ask.metric("work_pending")) == (6, 0, 6)
        assert hung.asked == 6, "half of the threads have been lost to it, and it gets no more"
        again = await ask.get("/zarr/v3/hung/c/50")
        assert (again.status, closed in again.body.decode()) == (503, True)
        assert (await ask.get("/zarr/v3/hung/zarr.json")).status == 200, "the document of an array takes no reading"
        assert (await ask.get("/zarr/v3/good/c/0")).status == 200
        hung.is_open.set()
        await ask.until(lambda: all_returned(ask))
        assert (await ask.get("/zarr/v3/hung/c/50")).status == 200
        assert (await ask.metric("work_pending"), await ask.threads("busy")) == (0, 0)

    run(test, Group(children={"hung": hung.array(), "good": plain()}), **SOON)


async def all_returned(ask: Asking) -> bool:
    return await ask.threads("stuck") == 0


def test_reads_whose_clients_have_gone_are_counted_and_given_up(hung: Hanging) -> None:
    async def test(ask: Asking) -> None:
        clients = [Leaving(ask.app, f"/zarr/v3/hung/c/{number}") for number in range(12)]
        await ask.until(lambda: hung.asked == 6)
        for client in clients:
            client.leave()
        await asyncio.gather(*(client.task for client in clients))
        assert await ask.metric("work_pending") == 6, "they have gone, and their reads have not"
        await ask.until(lambda: as_many(ask, 6))
        assert (await ask.threads("busy"), await ask.metric("work_pending")) == (0, 6)
        assert (await ask.get("/zarr/v3/good/c/0")).status == 200

    run(test, Group(children={"hung": hung.array(), "good": plain()}), **SOON)


async def as_many(ask: Asking, number: int) -> bool:
    return await ask.threads("stuck") == number


def test_several_sources_that_hang_leave_a_thread_as_well() -> None:
    sources = [Hanging() for _ in range(3)]

    async def test(ask: Asking) -> None:
        lost = [ask.get(f"/zarr/v3/{number}/c/{chunk}") for number in range(3) for chunk in range(10)]
        await ask.until(lambda: sum(source.asked for source in sources) >= 10)
        assert (await ask.get("/zarr/v3/good/c/0")).status == 200
        for source in sources:
            source.is_open.set()
        assert {answer.status for answer in await asyncio.gather(*lost)} == {200}

    run(test, Group(children={"good": plain(), **{str(number): source.array() for number, source in enumerate(sources)}}))


def test_a_source_is_known_by_where_it_is(hung: Hanging) -> None:
    """All arrays of a file are one source.

    A key deep in folders that nobody has opened yet counts for the folder above only until it is
    opened.
    """
    file = Group(children={str(number): hung.array() for number in range(20)}, blocking=True)
    root = folder({"deep": folder({"file": file, "good": plain(), "table": Table(children={"x": plain()})})})

    async def test(ask: Asking) -> None:
        lost = [ask.get(f"/zarr/v3/deep/file/{number}/c/0") for number in range(20)]
        good = [ask.get(f"/zarr/v3/deep/{path}/c/0") for path in ("good", "table/x")]
        assert {answer.status for answer in await asyncio.gather(*good)} == {200}
        await ask.until(lambda: hung.asked >= 6)
        hung.is_open.set()
        assert {answer.status for answer in await asyncio.gather(*lost)} == {200}

    run(test, root)


def documents(ask: Asking) -> dict[str, Awaitable[Any]]:
    return {
        "v3": ask.get("/zarr/v3/zarr.json"),
        "v2": ask.get("/zarr/v2/.zmetadata"),
        "attributes": ask.get("/zarr/v2/.zattrs"),
        "listing": ask.get("/zarr/v3/", **JSON),
        "links": ask.get("/zarr/v2/"),
        "page": ask.get("/"),
        "home": ask.get("/", **JSON),
        "images": ask.get("/ome-zarr/0.5/zarr.json"),
    }


OPENING = "it did not answer within"


def test_a_child_that_hangs_is_named_and_left_alone(hung: Hanging) -> None:
    nodes: dict[str, Node] = {"bad": plain(), "good": plain()}
    root = folder(Children(nodes, opening={"bad": hung}))

    async def test(ask: Asking) -> None:
        asked = documents(ask)
        found = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        assert {name: answer.status for name, answer in found.items()} == dict.fromkeys(found, 200)
        for name in ("v3", "attributes"):
            document = json.loads(found[name].body)
            attributes = document["attributes"] if name == "v3" else document
            assert OPENING in attributes["tiled_zarr"]["unavailable"]["bad"]
        assert [child["name"] for child in json.loads(found["listing"].body)["children"]] == ["good"]
        assert set(json.loads(found["v3"].body)["consolidated_metadata"]["metadata"]) == {"good"}
        before = hung.asked
        own = [await ask.get(f"/zarr/v3/bad/{key}") for key in ("zarr.json", "c/0")]
        assert {(answer.status, answer.headers["retry-after"], OPENING in answer.body.decode()) for answer in own} == {(503, "5", True)}
        assert (await ask.get("/zarr/v3/good/c/0")).status == 200
        for path in ("/zarr/v3/zarr.json", "/zarr/v3/", "/zarr/v2/.zattrs"):
            assert (await ask.get(path)).status == 200
        assert hung.asked == before, "nobody has asked it again"
        hung.is_open.set()
        await ask.until(lambda: all_returned(ask))
        assert (await ask.get("/zarr/v3/bad/c/0")).status == 200
        assert "tiled_zarr" not in json.loads((await ask.get("/zarr/v3/zarr.json")).body)["attributes"]

    run(test, root, read_timeout=2.0)


def test_a_child_that_hangs_only_leaves_the_page_of_its_large_group(hung: Hanging) -> None:
    """A group with more than `consolidated_nodes` children: those that pass the filter are opened for the page."""
    children = Children({name: plain() for name in ("a1", "a2", "a3", "b1")}, {"a2": hung})

    async def test(ask: Asking) -> None:
        for _ in range(2):
            answer = await ask.get("/?filter=a")
            page = answer.body.decode()
            assert answer.status == 200
            assert all(f">{name}</a>" in page for name in ("a1", "a3"))
            assert OPENING in page
        assert hung.asked == 1

    run(test, Group(children=children, blocking=True), read_timeout=2.0, consolidated_nodes=3)


def test_a_group_that_hangs_when_it_is_listed(hung: Hanging) -> None:
    async def test(ask: Asking) -> None:
        whole = await ask.get("/zarr/v3/zarr.json")
        assert (whole.status, set(json.loads(whole.body)["consolidated_metadata"]["metadata"])) == (200, {"good"})
        assert OPENING in json.loads(whole.body)["attributes"]["tiled_zarr"]["unavailable"]["bad"]
        assert (await ask.get("/zarr/v3/bad/zarr.json")).status == 503

    run(test, folder({"bad": hung.group(), "good": plain()}), read_timeout=2.0)


def test_a_child_that_hung_is_asked_again_after_a_pause(hung: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hangs, "PAUSE", 0.5)
    nodes: dict[str, Node] = {"bad": plain(), "good": plain()}
    opening = {"bad": hung}

    async def test(ask: Asking) -> None:
        first = json.loads((await ask.get("/zarr/v3/zarr.json")).body)
        assert list(first["attributes"]["tiled_zarr"]["unavailable"]) == ["bad"]
        opening.clear()  # whoever asks now is answered; the thread that asked before hangs for ever

        async def is_back() -> bool:
            document = json.loads((await ask.get("/zarr/v3/zarr.json")).body)
            return set(document["consolidated_metadata"]["metadata"]) == {"bad", "good"}

        await ask.until(is_back)
        assert (await ask.get("/zarr/v3/bad/c/0")).status == 200

    run(test, folder(Children(nodes, opening)), **SOON)


def test_a_chunk_whose_first_reading_hangs_for_ever_is_read_anew(hung: Hanging) -> None:
    """And nobody waits for the value that the thread given up was making."""
    array = hung.array(revision="r1")

    async def test(ask: Asking) -> None:
        first = [ask.get("/zarr/v3/hung/c/0") for _ in range(2)]
        assert {answer.status for answer in await asyncio.gather(*first)} == {503}
        waiting, hung.wait = hung.wait, lambda: None
        try:
            assert (await ask.get("/zarr/v3/hung/c/0")).status == 200
        finally:
            hung.wait = waiting

    run(test, Group(children={"hung": array}), cache_size=10**6, **SOON)


def test_memory_of_reads_that_hang_goes_to_others(hung: Hanging) -> None:
    large = plain(shape=(1024, 1024))

    async def test(ask: Asking) -> None:
        lost = [ask.get(f"/zarr/v3/hung/c/{number}") for number in range(10)]
        await ask.until(lambda: hung.asked > 0)
        assert (await ask.get("/zarr/v3/large/c/0/0")).status == 200
        assert {answer.status for answer in await asyncio.gather(*lost)} == {503}
        assert await ask.metric("work_bytes") == 0

    hanging = hung.array()
    wide = Group(children={"hung": hanging, "large": large})
    run(test, wide, in_flight=6 * 2**20, chunk_shape=(1024, 1024), **SOON)


def test_nobody_waits_for_a_thread_for_ever(hung: Hanging) -> None:
    async def test(ask: Asking) -> None:
        lost = ask.get("/zarr/v3/hung/c/0")
        await ask.until(lambda: hung.asked == 1)
        waited = await ask.get("/zarr/v3/good/c/0")
        assert (waited.status, waited.headers["retry-after"], waited.body) == (503, "5", b"no thread was free for 0.3 s; ask again later\n")
        hung.is_open.set()
        assert (await lost).status == 200
        assert (await ask.get("/zarr/v3/good/c/0")).status == 200

    run(test, Group(children={"hung": hung.array(), "good": plain()}), threads=1, queue_timeout=0.3)


def test_readiness_needs_a_thread_that_answers(hung: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "READY", 0.3)

    async def test(ask: Asking) -> None:
        assert (await ask.get("/readyz")).status == 200
        lost = ask.get("/zarr/v3/hung/c/0", authorization="Apikey k")
        await ask.until(lambda: hung.asked == 1)
        many = await asyncio.gather(*(ask.get("/readyz") for _ in range(20)), ask.get("/healthz"))
        assert {answer.status for answer in many[:-1]} == {503}
        assert many[0].body == b"the threads that read sources did not answer within 0.3 s\n"
        assert many[-1].status == 200, "the loop lives"
        hung.is_open.set()
        assert (await lost).status == 200
        assert ((await ask.get("/readyz")).status, (await ask.get("/zarr/v3/zarr.json")).status) == (200, 401)

    run(test, Group(children={"hung": hung.array()}), threads=1, public=False, api_key="k")


def test_no_more_threads_are_replaced_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_STUCK", 2)
    monkeypatch.setattr(work, "MOST_STUCK", 2)
    sources = [Hanging() for _ in range(3)]

    async def test(ask: Asking) -> None:
        lost = [ask.get(f"/zarr/v3/{number}/c/0") for number in range(3)]
        assert {answer.status for answer in await asyncio.gather(*lost)} == {503}
        assert (await ask.threads("stuck"), await ask.threads("alive")) == (3, 3)
        ready = await ask.get("/readyz")
        assert (ready.status, ready.body) == (503, b"2 threads are stuck in sources that do not answer\n")
        assert b"it is read again when one of them ends" in (await ask.get("/zarr/v3/0/c/1")).body
        assert (await ask.get("/zarr/v3/good/c/0")).status == 200
        for source in sources:
            source.is_open.set()
        await ask.until(lambda: all_returned(ask))
        assert (await ask.get("/zarr/v3/0/c/1")).status == 200
        assert (await ask.get("/readyz")).status == 200

    run(test, Group(children={"good": plain(), **{str(number): source.array() for number, source in enumerate(sources)}}), **SOON)


def test_threads_that_were_given_up_end() -> None:
    source = Hanging()
    before = threading.active_count()

    async def test(ask: Asking) -> None:
        await asyncio.gather(*(ask.get(f"/zarr/v3/hung/c/{number}") for number in range(6)))
        alive = await ask.threads("alive")
        assert await ask.threads("stuck") == 6
        source.is_open.set()
        await ask.until(lambda: all_returned(ask))
        await ask.until(lambda: threading.active_count() - before <= alive - 6 + 2)

    run(test, Group(children={"hung": source.array()}), **SOON)
