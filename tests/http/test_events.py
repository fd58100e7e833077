"""`/events/<node>`: who follows a node hears of each change, and costs the server one poller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asgi import ask, asked
from streaming import PATIENCE, Follower, following
from tiled_zarr import Array, Group
from tiled_zarr.http.live import events, poller
from tiled_zarr.http.middleware import metrics
from tiled_zarr.http.work.streams import Streams
from tiled_zarr.nodes import Busy, Forbidden


class Growing:
    """A stack that grows by a plane each time; `node` is what a folder would open now."""

    def __init__(self) -> None:
        self.planes = 1
        self.looks = 0
        self.error: Exception | None = None
        self.is_there = True

    def root(self) -> Group:
        return Group(children=Children(self), blocking=True)


class Children(dict[str, Any]):
    """The children of a folder: one stack, opened at each look."""

    def __init__(self, growing: Growing) -> None:
        super().__init__()
        self.growing = growing
        self.opened: dict[int, Array] = {}

    def __iter__(self) -> Any:
        return iter(["stack"] if self.growing.is_there else [])

    def __len__(self) -> int:
        return int(self.growing.is_there)

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __getitem__(self, name: str) -> Array:
        if name not in self:
            raise KeyError(name)
        self.growing.looks += 1
        if self.growing.error is not None:
            raise self.growing.error
        planes = self.growing.planes
        if planes not in self.opened:
            data = np.zeros((planes, 2, 3), "<u2")
            self.opened[planes] = Array(
                shape=data.shape, dtype=data.dtype, read=lambda region: data[region], revision=lambda: f"{planes}", attributes={"n": planes}
            )
        return self.opened[planes]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SHORTEST", 0.02)
    monkeypatch.setattr(poller, "REST", 0.0)


@pytest.fixture
def growing() -> Growing:
    return Growing()


@pytest.fixture
def stack(make: Callable[..., Any], growing: Growing) -> Any:
    return make(growing.root())


def test_a_stack_that_grows_is_told(stack: Any, growing: Growing) -> None:
    async def told() -> None:
        async with following(stack, "/events/stack") as follower:
            assert await follower.start() == (
                200,
                {
                    "content-type": "text/event-stream",
                    "cache-control": "no-store",
                    "x-content-type-options": "nosniff",
                    "x-accel-buffering": "no",
                },
            )
            assert await follower.block() == "retry: 2000"
            seen = []
            for planes in (1, 2, 7):
                growing.planes = planes
                event = await follower.event()
                assert event.name == "node"
                assert event.data == {
                    "kind": "array",
                    "shape": [planes, 2, 3],
                    "revision": event.data["revision"],
                    "attributes": {"n": planes},
                }
                seen += [event.id, event.data["revision"]]
            assert len({*seen}) == 6
            assert (await asked(stack, f"/@{event.data['revision']}/zarr/v3/stack/zarr.json")).status == 200

    asyncio.run(told())


def test_who_comes_back_hears_what_it_has_missed_and_nothing_twice(stack: Any, growing: Growing) -> None:
    async def told() -> None:
        async with following(stack, "/events/stack") as follower:
            await follower.start()
            first = await follower.event()
        async with following(stack, "/events/stack", {"last-event-id": first.id}) as follower:
            await follower.start()
            looks = growing.looks
            while growing.looks < looks + 2:  # noqa: ASYNC110 - a source tells nobody of its looks
                await asyncio.sleep(0.01)
            growing.planes = 2
            assert (await follower.event()).data["shape"] == [2, 2, 3]
        growing.planes = 3
        async with following(stack, "/events/stack", {"last-event-id": first.id}) as follower:
            await follower.start()
            assert (await follower.event()).data["shape"] == [3, 2, 3]

    asyncio.run(told())


def test_a_hundred_clients_are_one_poller_and_none_is_none(make: Callable[..., Any], growing: Growing) -> None:
    app = make(growing.root())

    async def told() -> None:
        followers = [Follower(app, "/events/stack") for _ in range(100)]
        for follower in followers:
            await follower.start()
            await follower.event()
        before = growing.looks
        growing.planes = 2
        told = [(await follower.event()).data["shape"] for follower in followers]
        assert told == [[2, 2, 3]] * 100
        assert before < 20, "looks, not one for each client"
        metrics = (await asked(app, "/metrics")).body.decode()
        assert "\ntiled_zarr_event_streams 100\n" in metrics
        for follower in followers:
            follower.leaves.set()
        for follower in followers:
            await follower.ends()
        assert "\ntiled_zarr_event_streams 0\n" in (await asked(app, "/metrics")).body.decode()
        looks = growing.looks
        await asyncio.sleep(0.2)
        assert growing.looks == looks
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(told())


@pytest.mark.parametrize("path", ["/events/nothing", "/events/stack/c/0/0/0", "/events/stack/zarr.json", "/events"])
def test_what_is_no_node_is_not_found(stack: Any, path: str) -> None:
    assert ask(stack, path).status == 404


@pytest.mark.parametrize("path", ["small", "names/a:b%20&%3Ci%3E", "names/a~2fb", "", "slow", "slow/deep", "names/"])
def test_every_node_is_followed_and_a_head_has_no_body(app: Any, path: str) -> None:
    head = ask(app, f"/events/{path}", "HEAD")
    assert (head.status, head.headers["content-type"], head.body) == (200, "text/event-stream", b"")

    async def told() -> Any:
        async with following(app, f"/events/{path}") as follower:
            await follower.start()
            return (await follower.event()).data

    data = asyncio.run(told())
    is_array = path in {"small", "slow/deep", "names/a:b%20&%3Ci%3E", "names/a~2fb"}
    assert (data["kind"], data["shape"]) == (("array", [10, 10]) if is_array else ("group", None))


def test_a_node_that_goes_away_ends_its_streams(stack: Any, growing: Growing) -> None:
    async def told() -> None:
        async with following(stack, "/events/stack") as follower:
            await follower.start()
            await follower.event()
            growing.is_there = False
            assert await follower.event() == ("gone", {"status": 404, "reason": "not found"}, "")
            await follower.ends()
        assert (await asked(stack, "/events/stack")).status == 404

    asyncio.run(told())


def test_a_failure_is_told_once_and_so_is_its_end(stack: Any, growing: Growing) -> None:
    async def told() -> None:
        async with following(stack, "/events/stack") as follower:
            await follower.start()
            first = await follower.event()
            growing.error = TimeoutError("the share does not answer")
            failed = await follower.event()
            assert (failed.name, failed.data["status"], failed.id) == ("failed", 503, "")
            growing.error = None
            assert await follower.event() == first

    asyncio.run(told())


def test_a_node_that_fails_from_the_start_is_answered_as_on_other_paths(stack: Any, growing: Growing) -> None:
    growing.error = TimeoutError("the share does not answer")
    got, document = ask(stack, "/events/stack"), ask(stack, "/zarr/v3/stack/zarr.json")
    assert (got.status, got.body) == (document.status, document.body)
    assert got.status == 503
    growing.error = Forbidden("not for you")
    assert ask(stack, "/events/stack").status == ask(stack, "/zarr/v3/stack/zarr.json").status


def test_a_silent_stream_has_a_heartbeat(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)

    async def told() -> None:
        async with following(stack, "/events/stack") as follower:
            await follower.start()
            await follower.event()
            assert [await follower.block(), await follower.block()] == [":", ":"]

    asyncio.run(told())


def test_a_slow_client_holds_no_queue_and_gets_the_last_state(stack: Any, growing: Growing) -> None:
    async def told() -> None:
        async with following(stack, "/events/stack") as slow, following(stack, "/events/stack") as other:
            for follower in (slow, other):
                await follower.start()
                await follower.event()
            slow.may_go_on.clear()
            for planes in range(2, 12):
                growing.planes = planes
                assert (await other.event()).data["shape"][0] == planes
            assert slow.sent.empty()
            slow.may_go_on.set()
            shapes = [(await slow.event()).data["shape"][0]]
            if shapes != [11]:  # what it was being sent when it stopped
                shapes.append((await slow.event()).data["shape"][0])
            assert shapes[-1] == 11

    asyncio.run(told())


def test_a_client_that_takes_nothing_is_left(stack: Any, growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PATIENCE", 0.05)

    async def told() -> None:
        follower = Follower(stack, "/events/stack")
        await follower.start()
        await follower.event()
        follower.may_go_on.clear()
        growing.planes = 2
        await follower.ends()
        assert follower.sent.empty()
        assert "tiled_zarr_event_streams 0\n" in (await asked(stack, "/metrics")).body.decode()

    asyncio.run(told())


def test_all_streams_end_at_once_when_the_server_does(stack: Any) -> None:
    async def told() -> None:
        follower = Follower(stack, "/events/stack")
        await follower.start()
        await follower.event()
        stack.end_streams()
        with pytest.raises(EOFError):
            await follower.event()
        await follower.ends()
        assert (await asked(stack, "/events/stack")).status == 503

    asyncio.run(told())


def test_a_stream_is_no_slow_request(make: Callable[..., Any], growing: Growing, caplog: pytest.LogCaptureFixture) -> None:
    app = make(growing.root(), slow_request=0.01)
    caplog.set_level("INFO", "tiled_zarr.http.middleware.access")

    async def told() -> str:
        async with following(app, "/events/stack", client=("10.0.0.9", 1)) as follower:
            await follower.start()
            await follower.event()
            await asyncio.sleep(metrics.LONG + 0.1)
            assert caplog.messages == []
        return (await asked(app, "/metrics")).body.decode()

    text = asyncio.run(told())
    [line] = [message for message in caplog.messages if "/events/stack" in message]
    assert line.startswith("10.0.0.9 GET /events/stack 200 ")
    assert "\ntiled_zarr_request_duration_seconds_sum 0.0\n" in text


def test_streams_are_bounded_in_all_and_for_each_client() -> None:
    async def told() -> None:
        streams = Streams(3, 2)
        with streams.opened("a"), streams.opened("a"):
            with pytest.raises(Busy), streams.opened("a"):
                pass
            with streams.opened("b"), pytest.raises(Busy), streams.opened("c"):
                pass
            with streams.opened("c"):
                assert streams.open == 3
        assert streams.open == 0

    asyncio.run(told())


def test_too_many_are_asked_to_come_later(stack: Any) -> None:
    async def told() -> None:
        extra: dict[str, Any] = {"client": ("10.0.0.1", 1)}
        followers = [Follower(stack, "/events/stack", **extra) for _ in range(100)]
        for follower in followers:
            await follower.start()
        refused = await asked(stack, "/events/stack", **extra)
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert (await asked(stack, "/events/stack", "HEAD", client=("10.0.0.2", 1))).status == 200
        behind = {"x-forwarded-for": "1.2.3.4, 10.0.0.3"}
        assert (await asked(stack, "/events/stack", "HEAD", behind, **extra)).status == 200
        for follower in followers:
            follower.leaves.set()
            await follower.ends()

    asyncio.run(told())


def test_a_client_that_leaves_during_the_first_look_leaves_nothing(make: Callable[..., Any], growing: Growing) -> None:
    app = make(growing.root())

    async def left() -> None:
        follower = Follower(app, "/events/stack")
        await asyncio.sleep(0)
        follower.leaves.set()
        await asyncio.wait_for(follower.task, PATIENCE)
        await asyncio.sleep(0.1)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(left())


def test_large_attributes_are_left_to_the_document(make: Callable[..., Any]) -> None:
    data = np.zeros(3)
    node = Array(shape=(3,), dtype=data.dtype, read=lambda region: data[region], attributes={"text": "x" * 70_000})
    app = make(Group(children={"a": node, "b": replace(node, attributes={"text": "x"})}))

    async def told(path: str) -> Any:
        async with following(app, path) as follower:
            await follower.start()
            return (await follower.event()).data["attributes"]

    assert asyncio.run(told("/events/a")) is None
    assert asyncio.run(told("/events/b")) == {"text": "x"}
