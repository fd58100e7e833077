"""What the workers of a server have done, as Prometheus text.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from operator import itemgetter
from time import perf_counter
from types import MappingProxyType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...caches.cost import Counters
from ...caches.shared import Shared
from ...resources import Gauge, Resources
from ...sums import Sums
from ..protocol import replies
from ..work.threads import Threads
from ..work.times import Counts, Histogram, merged
from ..work.work import Work

TIERS = MappingProxyType(
    {
        "hits": "Chunks found in each cache.",
        "misses": "Chunks that were not in each cache.",
        "stores": "Chunks put into the cache that processes share.",
        "waits": "Requests that waited for a chunk which another was making.",
        "errors": "Failures of the cache that processes share.",
        "read_bytes": "Encoded bytes read from the cache that processes share.",
        "written_bytes": "Encoded bytes put into the cache that processes share.",
        "hit_seconds": "Seconds that hits in the cache that processes share took, summed up.",
        "make_seconds": "Seconds that it took to make what was put there, summed up.",
    }
)
SOURCES = MappingProxyType(
    {
        "requests": "Requests for which a thread worked, by tree.",
        "failures": "Those of them that raised an error.",
        "wait_seconds": "Seconds that they waited for a thread, summed up.",
        "read_seconds": "Seconds that they read the source, summed up.",
        "encode_seconds": "Seconds that they encoded, summed up.",
    }
)
KNOWN_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND"})

LONG = 1.0
"""Seconds after which we look whether a request was a stream of events.

A stream lasts as long as its client stays, so it counts as a request that took no time."""


class Metrics:
    """Counts requests by method and status, and reads the counters of caches, threads and memory.

    `levels` returns the gauge of the store of computed image levels. `sums` adds the metrics of the
    other workers.
    """

    def __init__(self, resources: Resources, work: Work, levels: Callable[[], Gauge], sums: Sums | None = None) -> None:
        self.resources = resources
        self.cache = resources.chunks
        self.levels = levels
        self.work = work
        self.sums = sums
        self.requests: dict[tuple[str, int], Histogram] = {}

    def count(self, method: str, status: int, seconds: float) -> None:
        """Count one request, which took `seconds`.

        Its status is 0 if the client went away before the answer.
        """
        (self.requests.get((method, status)) or self.known(method, status)).observe(seconds)

    def known(self, method: str, status: int) -> Histogram:
        """The durations of the requests with a method and a status."""
        return self.requests.setdefault((method if method in KNOWN_METHODS else "other", status), Histogram())

    def text(self) -> str:
        """The metrics of all workers in the exposition format."""
        return self.own() if self.sums is None else self.sums.added(self.own())

    def own(self) -> str:
        """The metrics of this worker in the exposition format."""
        return "\n".join(self.lines()) + "\n"

    async def keep_writing(self) -> None:
        """Tell the other workers what this one has done, until the task is cancelled."""
        if self.sums is not None:
            await self.sums.keep_writing(self.own)

    def lines(self) -> Iterator[str]:
        """The exposition format, line by line."""
        yield "# HELP tiled_zarr_requests_total Requests answered."
        yield "# TYPE tiled_zarr_requests_total counter"
        for (method, status), seconds in sorted(self.requests.items(), key=itemgetter(0)):
            yield f'tiled_zarr_requests_total{{method="{method}",status="{status}"}} {seconds.count}'
        requests = merged(self.requests.values())
        counters = self.cache.counters
        yield from single("request_seconds_total", "counter", "Seconds between request and reply, summed up.", requests.total)
        yield from heading("request_duration_seconds", "histogram", "Seconds between request and reply.")
        yield from histogram("request_duration_seconds", requests)
        yield from heading(
            "work_seconds", "histogram", "Seconds that requests waited for a thread or memory, read the source, and encoded."
        )
        for part, seconds in self.work.times.parts():
            yield from histogram("work_seconds", seconds, f'part="{part}"')
        yield from single("cache_hits_total", "counter", "Chunks found in the cache.", counters.hits)
        yield from single("cache_misses_total", "counter", "Chunks encoded.", counters.misses)
        yield from single("cache_joined_total", "counter", "Requests that waited for an encoding already under way.", counters.joined)
        yield from single("cache_evictions_total", "counter", "Chunks dropped from the cache.", counters.evictions)
        yield from single("cache_bytes", "gauge", "Encoded bytes in the cache.", self.cache.nbytes)
        yield from tiers(counters, self.resources.shared)
        yield from of_sources(self.work.sources)
        yield from single("work_pending", "gauge", "Requests that wait for a thread or are in one, answered or not.", self.work.pending)
        yield from single("work_bytes", "gauge", "Decoded bytes of the chunks being encoded.", self.work.held)
        yield from single("event_streams", "gauge", "Streams of events that are open.", self.work.streams.open)
        yield from single("event_looks_total", "counter", "Looks at nodes that clients follow.", self.work.streams.looks)
        gauges = [*self.resources.gauges(), self.levels()]
        yield from heading("pool_bytes", "gauge", "Bytes that each pool of memory holds.")
        yield from (f'tiled_zarr_pool_bytes{{pool="{gauge.pool}"}} {gauge.nbytes}' for gauge in gauges)
        yield from heading("pool_bytes_max", "gauge", "Bytes that each pool may hold.")
        yield from (f'tiled_zarr_pool_bytes_max{{pool="{gauge.pool}"}} {gauge.most}' for gauge in gauges)
        yield from heading("threads", "gauge", "Threads: all, at work, and given up because their job does not end.")
        work = self.work
        native = {"alive": work.encoders.alive, "busy": work.encoders.at_work}
        pools = {"sources": counts(work.threads), "processors": counts(work.processors), "native": native}
        for pool, states in pools.items():
            for state, number in states.items():
                yield f'tiled_zarr_threads{{pool="{pool}",state="{state}"}} {number}'


def tiers(memory: Counters, shared: Shared | None) -> Iterator[str]:
    """What each cache of encoded chunks has done: that in memory, and that which processes share."""
    rows: dict[str, dict[str, float]] = {"memory": {"hits": memory.hits, "misses": memory.misses, "waits": memory.joined}}
    if shared is not None:
        rows[shared.shelf.kind] = asdict(shared.counters)
    for name, description in TIERS.items():
        found = {tier: row[name] for tier, row in rows.items() if name in row}
        yield from labelled(f"tier_{name}_total", description, "tier", found)


def of_sources(sources: Mapping[str, Counts]) -> Iterator[str]:
    """What threads have done for each tree of the settings."""
    for name, description in SOURCES.items():
        yield from labelled(f"source_{name}_total", description, "source", {source: getattr(row, name) for source, row in sources.items()})


def labelled(name: str, description: str, label: str, values: Mapping[str, float]) -> Iterator[str]:
    """A counter with one label; nothing if it has no values."""
    if values:
        yield from heading(name, "counter", description)
        yield from (f'tiled_zarr_{name}{{{label}="{escaped(one)}"}} {value}' for one, value in values.items())


def escaped(text: str) -> str:
    r"""The value of a label, without characters that have a meaning there.

    >>> print(escaped('a"b'))
    a\"b
    """
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def counts(threads: Threads) -> dict[str, int]:
    """The number of threads of a pool that exist, that do a job, and that were given up."""
    return {"alive": threads.alive, "busy": threads.jobs.at_work, "stuck": threads.jobs.stuck}


def single(name: str, kind: str, description: str, value: float) -> Iterator[str]:
    """A metric without labels."""
    yield from heading(name, kind, description)
    yield f"tiled_zarr_{name} {value}"


def histogram(name: str, values: Histogram, label: str = "") -> Iterator[str]:
    """A histogram, without its heading; `label` is one that all of its lines have."""
    for bound, number in values.buckets():
        yield f'tiled_zarr_{name}_bucket{{{label}{"," if label else ""}le="{bound}"}} {number}'
    labels = f"{{{label}}}" if label else ""
    yield f"tiled_zarr_{name}_sum{labels} {values.total}"
    yield f"tiled_zarr_{name}_count{labels} {values.count}"


def heading(name: str, kind: str, description: str) -> Iterator[str]:
    """The lines before the values of a metric: its description and its type."""
    yield f"# HELP tiled_zarr_{name} {description}"
    yield f"# TYPE tiled_zarr_{name} {kind}"


class Counted:
    """ASGI middleware that counts every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status = 0
        headers: Sequence[tuple[bytes, bytes]] = ()
        start = perf_counter()

        def noting(message: Message) -> Awaitable[None]:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            return send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            seconds = perf_counter() - start
            if seconds > LONG and replies.is_stream(headers):
                seconds = 0.0
            self.metrics.count(scope["method"], status, seconds)
