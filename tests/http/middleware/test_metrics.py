from __future__ import annotations

import re
from typing import Any

import pytest

from asgi import ask
from tiled_zarr.http.work.times import Histogram

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


BUCKET = re.compile(r'tiled_zarr_(\w+)_bucket\{(?:(part="\w+"),)?le="([^"]+)"\}')
HISTOGRAMS = {("request_duration_seconds", ""), *(("work_seconds", f'part="{part}"') for part in ("queue", "read", "encode"))}


def histograms(found: dict[str, float]) -> dict[tuple[str, str], dict[float, float]]:
    """The buckets of each histogram, by its name and label."""
    made: dict[tuple[str, str], dict[float, float]] = {}
    for name, value in found.items():
        if match := BUCKET.fullmatch(name):
            made.setdefault((match[1], match[2] or ""), {})[float(match[3])] = value
    return made


def test_histograms_are_cumulative_and_end_with_infinity(app: Any) -> None:
    """https://prometheus.io/docs/instrumenting/exposition_formats/#histograms-and-summaries"""
    for path in ("/zarr/v3/computed/c/0/0", "/zarr/v3/computed/c/0/0", "/zarr/v3/large/c/0/0", "/zarr/v3/slow/deep/zarr.json", "/nothing"):
        ask(app, path)
    found = values(app)
    assert set(histograms(found)) == HISTOGRAMS
    for (name, label), buckets in histograms(found).items():
        labels = f"{{{label}}}" if label else ""
        counts = list(buckets.values())
        assert list(buckets) == sorted(buckets)
        assert list(buckets)[-1] == float("inf")
        assert counts == sorted(counts)
        assert counts[-1] == found[f"tiled_zarr_{name}_count{labels}"]
        total = found[f"tiled_zarr_{name}_sum{labels}"]
        least = sum(low * (high - before) for low, high, before in zip([0, *buckets], counts, [0, *counts], strict=False))
        assert least <= total
    assert found["tiled_zarr_request_duration_seconds_count"] == 5
    assert found["tiled_zarr_request_duration_seconds_sum"] == found["tiled_zarr_request_seconds_total"]


def test_each_part_of_the_work_is_counted_once(app: Any) -> None:
    def counts() -> dict[str, float]:
        found = values(app)
        return {part: found[f'tiled_zarr_work_seconds_count{{part="{part}"}}'] for part in ("queue", "read", "encode")}

    assert counts() == {"queue": 0, "read": 0, "encode": 0}
    ask(app, "/zarr/v3/computed/c/0/0")
    assert counts() == {"queue": 1, "read": 1, "encode": 1}
    ask(app, "/zarr/v3/computed/c/0/0")
    assert counts() == {"queue": 1, "read": 1, "encode": 1}, "out of the cache"
    ask(app, "/zarr/v3/slow/deep/zarr.json")
    assert counts() == {"queue": 2, "read": 2, "encode": 1}, "a document opens files"


def test_a_native_chunk_is_waited_for_and_encoded(app: Any) -> None:
    before = values(app)
    ask(app, "/zarr/v3/large/c/0/0")
    after = values(app)
    for part, number in (("queue", 1), ("read", 0), ("encode", 1)):
        name = f'tiled_zarr_work_seconds_count{{part="{part}"}}'
        assert after[name] - before[name] == number


def test_a_duration_lies_in_its_bucket() -> None:
    histogram = Histogram()
    for seconds in (0.0, 0.0001, 0.0002, 0.05, 60.0, 61.0):
        histogram.observe(seconds)
    at_most = {0.0001: 2, 0.00025: 3, 0.025: 3, 0.05: 4, 30.0: 4, 60.0: 5}
    found = dict(histogram.buckets())
    assert {bound: found[repr(bound)] for bound in at_most} == at_most
    assert found["+Inf"] == 6
    assert histogram.total == pytest.approx(121.0503)
