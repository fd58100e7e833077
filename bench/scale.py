"""What two servers compute for many clients that ask for the same chunks, by how they share.

    python bench/scale.py [--clients 100] [--chunks 50] [--seconds 0.2] [--rounds 5]

The source takes `--seconds` a chunk. All clients ask two servers for all chunks, each in an order
of its own, three times: the first time, again, and after the servers were started again with empty
memory. We count the chunks that were computed, and compare all bodies with the right bytes.

Then one client asks one server without memory for tiles of a deflated HDF5 file, which are made
each time out of chunks four times as large, or come from the second cache, or, to see what the rest
of a request costs, from memory. We count the processor time of the server for a request,
the median of `--rounds`. It prints one line per case and appends it to bench/record/scale.csv.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import h5py

import _images
import _processes
import _record
import _servers  # noqa: F401 - makes the modules of the tests importable
import fleet
from fleet import Fleet
from live import Live, live
from nginx import nginx
from redis_server import redis_server

TILE = 512
MADE, MEMORY = "made", "hit in memory"
"""The cases without a second cache."""

Fronts = Callable[..., AbstractContextManager[list[str]]]
"""Makes the addresses that clients ask, from servers."""


@contextmanager
def in_turns(*servers: Live) -> Iterator[list[str]]:
    with nginx(*servers, is_spread=False, is_cached=False) as proxy:
        yield [fleet.frozen(proxy.url)]


@contextmanager
def by_path(*servers: Live) -> Iterator[list[str]]:
    with nginx(*servers, is_cached=False) as proxy:
        yield [fleet.frozen(proxy.url)]


@contextmanager
def no_cache(_: Path) -> Iterator[dict[str, str]]:
    yield {}


@contextmanager
def in_folder(folder: Path) -> Iterator[dict[str, str]]:
    yield {"cache": f"folder://{folder / 'cache'}"}


@contextmanager
def in_redis(folder: Path) -> Iterator[dict[str, str]]:
    with redis_server(folder) as server:
        yield {"cache": server.address}


Cache = Callable[[Path], AbstractContextManager[dict[str, str]]]
CASES: Mapping[str, tuple[Fronts, Cache]] = {
    "nginx, in turns": (in_turns, no_cache),
    "nginx, hash $uri consistent": (by_path, no_cache),
    "in turns, shared folder": (in_turns, in_folder),
    "in turns, Redis": (in_turns, in_redis),
}


def asked(addresses: list[str], slow: Fleet, clients: int) -> tuple[int, float, float]:
    """How many chunks were computed, the share of hits in nginx, and the seconds in all.

    Raises SystemExit if any answer was not the right bytes.
    """
    start = time.perf_counter()
    found = fleet.ask(addresses, clients, slow.chunks)
    seconds = time.perf_counter() - start
    if set(found.statuses) != {200} or found.wrong:
        raise SystemExit(f"{found.wrong} wrong bodies, statuses {set(found.statuses)}")
    return slow.computed(), found.caches.count("HIT") / len(found.caches), seconds


def shared(case: str, options: argparse.Namespace) -> None:
    """Measure one case in which the second cache, or nothing, is shared."""
    front, cache = CASES[case]
    with tempfile.TemporaryDirectory(prefix="scale-") as name, cache(Path(name)) as settings:
        slow = Fleet(Path(name), options.chunks, options.seconds)
        with slow.serving(**settings) as servers, front(*servers) as addresses:
            first, _, seconds = asked(addresses, slow, options.clients)
            again, hits, _ = asked(addresses, slow, options.clients)
        with slow.serving(**settings) as servers, front(*servers) as addresses:
            restarted, _, _ = asked(addresses, slow, options.clients)
    report(case, options, computed=first, again=again, restarted=restarted, hits=hits, seconds=seconds)


def cached(options: argparse.Namespace) -> None:
    """Measure nginx with its cache, which stays while the servers end."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        slow = Fleet(Path(name), options.chunks, options.seconds)
        with slow.serving() as servers, nginx(*servers) as proxy:
            addresses = [fleet.frozen(proxy.url)]
            first, _, seconds = asked(addresses, slow, options.clients)
            again, hits, _ = asked(addresses, slow, options.clients)
            for server in servers:
                fleet.kill(server)
            restarted, _, _ = asked(addresses, slow, options.clients)
    report("nginx, proxy_cache and lock", options, computed=first, again=again, restarted=restarted, hits=hits, seconds=seconds)


def report(case: str, options: argparse.Namespace, **figures: float) -> None:
    computed = "computed {computed:4}, again {again:4}, after a restart {restarted:4}".format(**figures)
    print(f"{case:30} {computed}; {figures['hits']:4.0%} hits in nginx again; {figures['seconds']:5.1f} s", flush=True)
    record(case, options, **figures)


def record(case: str, options: argparse.Namespace, **figures: float | None) -> None:
    columns = ("computed", "again", "restarted", "hits", "seconds", "cpu_ms", "of_making")
    asked_for = {"clients": options.clients, "chunks": options.chunks, "chunk_seconds": options.seconds}
    _record.append("scale", {"case": case, **asked_for, **{name: figures.get(name) for name in columns}}, ["uvicorn", "redis", "h5py"])


def file() -> Path:
    """A folder with the camera image in a deflated HDF5 file."""
    folder = _images.FOLDER / "scale"
    path = folder / "camera.h5"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / "writing", "w") as writing:
            writing.create_dataset("image", data=_images.camera()[:4096, :4096], chunks=(2 * TILE, 2 * TILE), compression="gzip")
        (folder / "writing").rename(path)
    return folder


def costs(options: argparse.Namespace) -> None:
    """Measure the processor time of a chunk that is made, and of hits."""
    folder = file()
    found: dict[str, float] = {}
    for case, cache in {MADE: no_cache, MEMORY: no_cache, "hit in a shared folder": in_folder, "hit in Redis": in_redis}.items():
        with tempfile.TemporaryDirectory(prefix="scale-") as name, cache(Path(name)) as settings:
            memory = "256MB" if case == MEMORY else "0"
            env = {"DIRECTORY": folder, "PUBLIC": "1", "CODEC": "blosc:lz4:5", "CHUNK_SHAPE": f"{TILE},{TILE}"}
            env |= {"CACHE_SIZE": memory, "DECODED_SIZE": "0", **{name.upper(): value for name, value in settings.items()}}
            with live(env={f"TILED_ZARR_{key}": str(value) for key, value in env.items()}, server="uvicorn") as server:
                found[case] = statistics.median(list(map(partial(cost, server), range(options.rounds + 1)))[1:])
        of_making = None if case == MADE else found[case] / found[MADE]
        print(f"{case:30} {1000 * found[case]:6.3f} ms of the server's processor time a request{share(of_making)}", flush=True)
        record(f"{case}, {TILE} x {TILE} u2 of deflated HDF5", options, cpu_ms=1000 * found[case], of_making=of_making)


def share(of_making: float | None) -> str:
    return "" if of_making is None else f", {of_making:.2f} of making it"


def cost(server: Live, _: int) -> float:
    """Processor seconds of a request, over tiles of 16 chunks of the file."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    paths = [f"/zarr/v3/camera/image/c/{row}/{column}" for row in range(0, 8, 2) for column in range(0, 8, 2)]
    before = _processes.processor_seconds(server.pid)
    for path in 4 * paths:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} is answered {answer.status}")
    connection.close()
    return (_processes.processor_seconds(server.pid) - before) / (4 * len(paths))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for case in CASES:
        shared(case, options)
    cached(options)
    costs(options)


if __name__ == "__main__":
    main()
