from __future__ import annotations

import re
from typing import Any

from asgi import ask

LINE = re.compile(r'(# (HELP|TYPE) \S+ .+)|(\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+)')


def values(app: Any) -> dict[str, float]:
    lines = ask(app, "/metrics").body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_every_line_is_prometheus(app: Any) -> None:
    ask(app, "/zarr/v3/zarr.json")
    answer = ask(app, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.body.endswith(b"\n")
    assert [line for line in answer.body.decode().splitlines() if not LINE.fullmatch(line)] == []


def test_requests_are_counted(app: Any) -> None:
    for _ in range(2):
        ask(app, "/zarr/v3/computed/c/0/0")
    ask(app, "/nothing", "HEAD")
    ask(app, "/?api_key=wrong")
    ask(app, "/", "OPTIONS")
    ask(app, "/", "BREW")
    found = values(app)
    expected = {("GET", 200): 2, ("HEAD", 404): 1, ("GET", 401): 1, ("OPTIONS", 204): 1, ("other", 405): 1}
    assert {key: found[f'tiled_zarr_requests_total{{method="{key[0]}",status="{key[1]}"}}'] for key in expected} == expected
    assert found["tiled_zarr_cache_misses_total"] == 1
    assert found["tiled_zarr_cache_hits_total"] == 1
    assert found["tiled_zarr_cache_bytes"] > 0
    assert found["tiled_zarr_request_seconds_total"] > 0
    assert found["tiled_zarr_work_pending"] == found["tiled_zarr_work_bytes"] == 0
