"""The access log, slow requests and Server-Timing."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asgi import ask, scope_of
from tiled_zarr import Array, Group
from tiled_zarr.app import create_app
from tiled_zarr.http.middleware.access import Access
from tiled_zarr.settings import Settings

READ = 0.03
"""Seconds that one read of the slow array takes."""
IMAGE = np.random.default_rng(1).integers(0, 1000, (1024, 1024)).astype("<u2")
TIMING = re.compile(r"(\w+);dur=([0-9]+\.[0-9])")


def slow(region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
    time.sleep(READ)
    return np.zeros(8, "u1")[region]


@pytest.fixture
def root() -> Group:
    shape, dtype = (8,), np.dtype("u1")
    image = Array(shape=IMAGE.shape, dtype=IMAGE.dtype, read=lambda region: IMAGE[region], revision=lambda: "r", blocking=False)
    quick = Array(shape=shape, dtype=dtype, read=lambda region: np.zeros(8, "u1")[region], revision=lambda: "r", blocking=False)
    return Group(
        children={"slow": Array(shape=shape, dtype=dtype, read=slow, revision=lambda: "r"), "image": image, "quick": quick},
    )


Made = Callable[..., Any]


@pytest.fixture
def make(root: Group) -> Made:
    return lambda **settings: create_app(root, Settings(public=True, **settings))


def times(answer: Any) -> dict[str, float]:
    """The milliseconds in Server-Timing, by name.

    https://www.w3.org/TR/server-timing/#the-server-timing-header-field
    """
    parts = [TIMING.fullmatch(part) for part in answer.headers["server-timing"].split(", ")]
    assert all(parts)
    return {part[1]: float(part[2]) for part in parts if part}


def test_nothing_is_in_the_way_when_all_is_off(make: Made) -> None:
    def layers(app: Any) -> list[type]:
        return [type(app), *(layers(app.app) if hasattr(app, "app") else [])]

    assert Access not in layers(make())
    for settings in ({"log_level": "info"}, {"log_level": "debug"}, {"slow_request": 1.0}, {"server_timing": True}):
        assert layers(make(**settings)).count(Access) == 1


def test_no_timing_unless_asked(make: Made) -> None:
    assert "server-timing" not in ask(make(), "/zarr/v3/slow/c/0").headers
    assert "server-timing" not in ask(make(log_level="info"), "/zarr/v3/slow/c/0").headers


def test_a_chunk_that_a_thread_reads_and_encodes(make: Made) -> None:
    found = times(ask(make(server_timing=True), "/zarr/v3/slow/c/0"))
    assert list(found) == [name for name in ("queue", "read", "encode", "total") if name in found]
    assert {"read", "total"} <= set(found)
    assert 1000 * READ <= found["read"] <= found["total"]
    assert sum(found.values()) - found["total"] <= found["total"] + 0.2, "the parts are parts of the whole; each is rounded"


@pytest.mark.parametrize(
    ("path", "parts"), [("/zarr/v3/image/c/0/0", {"queue", "encode"}), ("/zarr/v3/quick/c/0", {"encode"})], ids=["native", "loop"]
)
def test_a_chunk_out_of_memory(make: Made, path: str, parts: set[str]) -> None:
    answer = ask(make(server_timing=True, cache_size=0), path)
    assert parts <= set(times(answer)), answer.headers["server-timing"]


def test_a_chunk_out_of_the_cache_has_a_total_alone(make: Made) -> None:
    app = make(server_timing=True)
    first, second = (times(ask(app, "/zarr/v3/slow/c/0")) for _ in range(2))
    assert "read" in first
    assert list(second) == ["total"]


@pytest.mark.parametrize(
    ("path", "status"), [("/zarr/v3/zarr.json", 200), ("/zarr/v3/nothing", 404), ("/", 200), ("/zarr/v3/slow/c/9", 404), ("/metrics", 200)]
)
def test_every_reply_has_a_timing(make: Made, path: str, status: int) -> None:
    answer = ask(make(server_timing=True), path)
    assert answer.status == status
    assert "total" in times(answer)


def test_other_origins_may_read_it(make: Made) -> None:
    answer = ask(make(server_timing=True, allow_origins=("*",)), "/zarr/v3/slow/c/0", headers={"origin": "https://a.example"})
    assert "server-timing" in answer.headers["access-control-expose-headers"].split(", ")
    assert times(answer)


def test_the_body_and_other_headers_are_the_same(make: Made) -> None:
    plain, timed = (ask(make(**settings), "/zarr/v3/image/c/0/0") for settings in ({}, {"server_timing": True, "log_level": "debug"}))
    assert timed.body == plain.body
    assert {name: value for name, value in timed.headers.items() if name not in {"server-timing", "etag"}} == {
        name: value for name, value in plain.headers.items() if name != "etag"
    }


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "tiled_zarr.http.middleware.access"]


def test_each_request_is_a_line(make: Made, caplog: pytest.LogCaptureFixture) -> None:
    app = make(log_level="info")
    with caplog.at_level(logging.INFO, "tiled_zarr"):
        body = ask(app, "/zarr/v3/slow/c/0", client=("10.1.2.3", 5)).body
        ask(app, "/zarr/v3/slow/c/0", "HEAD")
        ask(app, "/zarr/v3/no%0athing%20%C3%A9/zarr.json?x=1")
    first, second, third = lines(caplog)
    start = rf"10\.1\.2\.3 GET /zarr/v3/slow/c/0 200 {len(body)} bytes"
    pattern = rf"{start} [0-9.]+ ms \((queue [0-9.]+ ms, )?read [0-9.]+ ms(, encode [0-9.]+ ms)?\)"
    assert re.fullmatch(pattern, first.message)
    assert re.fullmatch(r"- HEAD /zarr/v3/slow/c/0 200 0 bytes [0-9.]+ ms", second.message)
    assert re.match(r"- GET /zarr/v3/no%0Athing%20%C3%A9/zarr.json 404 ", third.message)
    fields = vars(first)["fields"]
    assert {name: fields[name] for name in ("client", "method", "path", "status", "bytes")} == {
        "client": "10.1.2.3",
        "method": "GET",
        "path": "/zarr/v3/slow/c/0",
        "status": 200,
        "bytes": len(body),
    }
    assert READ <= fields["read"] <= fields["seconds"]
    assert [record.levelname for record in lines(caplog)] == ["INFO"] * 3


def test_a_key_is_not_logged(root: Group, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(root, Settings(api_key="s3cret", log_level="info"))
    with caplog.at_level(logging.INFO, "tiled_zarr"):
        assert ask(app, "/zarr/v3/slow/c/0?api_key=s3cret").status == 200
        assert ask(app, "/zarr/v3/slow/c/0", headers={"authorization": "Apikey s3cret"}).status == 200
        assert ask(app, "/k/s3cret/zarr/v3/slow/c/0").status == 200
        assert ask(app, "/k/s3cret/zarr/v3/nothing").status == 404
        assert ask(app, "/k/s3cret-but-wrong/zarr/v3/slow/c/0").status == 401
    assert len(lines(caplog)) == 5
    assert "s3cret" not in caplog.text
    assert all("s3cret" not in str(vars(record)["fields"]) for record in lines(caplog))


def test_a_slow_request_is_named_with_its_times(make: Made, caplog: pytest.LogCaptureFixture) -> None:
    app = make(slow_request=READ / 2)
    with caplog.at_level(logging.INFO, "tiled_zarr"):
        ask(app, "/zarr/v3/slow/c/0")
    [record] = lines(caplog)
    assert record.levelname == "WARNING"
    assert re.match(r"slow: - GET /zarr/v3/slow/c/0 200 \d+ bytes [0-9.]+ ms \((queue [0-9.]+ ms, )?read [0-9.]+ ms", record.message)


def test_quick_requests_are_not_named_slow(make: Made, caplog: pytest.LogCaptureFixture) -> None:
    app = make(slow_request=3600.0)
    with caplog.at_level(logging.WARNING, "tiled_zarr"):
        ask(app, "/zarr/v3/slow/c/0")
    assert lines(caplog) == []


def test_a_client_that_has_gone_has_a_line(root: Group, caplog: pytest.LogCaptureFixture) -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        """An application that answers nothing, since nobody waits."""

    access = Access(gone, slow=3600.0, is_told=True)
    with caplog.at_level(logging.INFO, "tiled_zarr"):
        asyncio.run(access(scope_of("/x"), None, None))  # type: ignore[arg-type] # it uses neither
    assert [re.match(r"- GET /x 499 0 bytes", record.message) is not None for record in lines(caplog)] == [True]
