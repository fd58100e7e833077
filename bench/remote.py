"""Chunks of a store that takes 60 ms for each request, read directly and through our server.

    python bench/remote.py [--quick] [--rounds 5]

The store is a server of objects in its own process (tests/objectserver.py), which waits 60 ms
before each answer. It holds a Zarr array of 1024 chunks. The direct readers have 32 requests in
flight, in a process of their own: `obstore` fetches the stored chunks, and `zarr-python` reads and
decodes the array. Our server (uvicorn, one worker, no cache of chunks) reads the same array from
the store, for a client with 32 connections that requests each chunk once.

All take turns, round by round. A ratio compares seconds: ours with those of `obstore` in the same
round. `wide` is an array with one object for each chunk. `sharded` has 16 chunks in each object, and
its index costs one request more; zarr-python, which reads all of the array, fetches such an object
as a whole. It prints one line per case and appends it to bench/record/remote.csv.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import obstore
import zarr
from zarr.storage import ObjectStore

import _client
import _record
from _images import camera
from _servers import Program, Server, live, running

DELAY = 0.06
"""Seconds before each answer of the store."""
IN_FLIGHT = 32
CHUNK, EDGE = 256, 32
"""Elements of a chunk along an axis, and chunks along an axis."""
IN_SHARD, SHARDED = 4, "sharding_indexed"
CASES = {"wide": None, "sharded": (IN_SHARD * CHUNK, IN_SHARD * CHUNK)}
PATHS = [f"/zarr/v3/image/c/{y}/{x}" for y, x in product(range(EDGE), repeat=2)]


def objects(folder: Path, shards: tuple[int, int] | None) -> Path:
    """The array of a case, in a folder."""
    image = np.tile(camera(), (3, 3))[: EDGE * CHUNK, : EDGE * CHUNK]
    root = zarr.create_group(folder, overwrite=True)
    root.create_array("image", data=image, chunks=(CHUNK, CHUNK), shards=shards)
    return folder


def serve(folder: str) -> None:
    """Serve a folder of objects until standard input ends."""
    from objectserver import ObjectServer  # in tests/, whose path _servers adds

    with ObjectServer(delay=DELAY) as server:
        server.add(Path(folder), "bucket/t.zarr")
        print(server.url, flush=True)
        sys.stdin.read()


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """The URL of a store in its own process."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate()


def client(url: str) -> obstore.store.S3Store:
    """A client of the store."""
    return obstore.store.S3Store(
        "bucket", prefix="t.zarr", endpoint=url, region="us-east-1", skip_signature=True, client_options={"allow_http": True}
    )


def tree() -> zarr.Group:
    """The group that our server serves; it names the store in BENCH_STORE."""
    return zarr.open_group(ObjectStore(client(os.environ["BENCH_STORE"]), read_only=True), mode="r")


async def fetched(url: str) -> float:
    """Seconds in which obstore fetches all chunks; those of a shard after its index."""
    source, turns = client(url), asyncio.Semaphore(IN_FLIGHT)
    shards = json.loads(bytes(await (await obstore.get_async(source, "image/zarr.json")).bytes_async()))["codecs"][0]["name"] == SHARDED

    async def fetch(key: str, span: object = None) -> bytes:
        async with turns:
            found = await obstore.get_async(source, key, options={"range": span} if span else None)
            return bytes(await found.bytes_async())

    async def shard(key: str) -> None:
        index = np.frombuffer(await fetch(key, {"suffix": 16 * IN_SHARD**2 + 4}), "<u8", 2 * IN_SHARD**2).reshape(-1, 2)
        await asyncio.gather(*(fetch(key, (int(start), int(start + size))) for start, size in index))

    began = time.perf_counter()
    if shards:
        await asyncio.gather(*(shard(f"image/c/{y}/{x}") for y, x in product(range(EDGE // IN_SHARD), repeat=2)))
    else:
        await asyncio.gather(*(fetch(path.removeprefix("/zarr/v3/")) for path in PATHS))
    return time.perf_counter() - began


def decoded(url: str) -> float:
    """Seconds in which zarr-python reads and decodes the array."""
    zarr.config.set({"async.concurrency": IN_FLIGHT})
    array = zarr.open_array(ObjectStore(client(url), read_only=True), path="image", mode="r")
    began = time.perf_counter()
    array[:]
    return time.perf_counter() - began


DIRECT = {"obstore": lambda url: asyncio.run(fetched(url)), "zarr-python": decoded}


def direct(way: str, url: str) -> float:
    """Seconds of a direct reader in its own process."""
    command = [sys.executable, __file__, "--direct", way, url]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def program(url: str) -> Program:
    """Our server of the store."""
    env = {"TILED_ZARR_CACHE_SIZE": "0", "BENCH_STORE": url}
    return Program("ours", lambda port: live.cli_command(("remote:tree", "--public"), "uvicorn", 1, port), PATHS, env)


def measured(case: str, rounds: int, folder: Path) -> dict[str, object]:
    """The seconds of each way, and their ratios, of all rounds."""
    objects(folder, CASES[case])
    ways = [*DIRECT]
    found: dict[str, list[float]] = {way: [] for way in [*ways, "ours"]}
    with store(folder) as url, running(program(url)) as server:
        for _ in range(rounds):
            for way in ways:
                found[way].append(direct(way, url))
            found["ours"].append(through(server))
    ratios = {way: [ours / other for ours, other in zip(found["ours"], found[way], strict=True)] for way in ways}
    median = {way: statistics.median(seconds) for way, seconds in found.items()}
    return {
        "case": case,
        "chunks": len(PATHS),
        "delay_ms": 1000 * DELAY,
        "in_flight": IN_FLIGHT,
        "rounds": rounds,
        "ours_s": median["ours"],
        "obstore_s": median["obstore"],
        "zarr_python_s": median["zarr-python"],
        "to_obstore": statistics.median(ratios["obstore"]),
        "to_zarr_python": statistics.median(ratios["zarr-python"]),
        "worst": max(ratios["obstore"]),
    }


def through(server: Server) -> float:
    """Seconds in which a client gets all chunks from our server."""
    return _client.ask(server.port, PATHS, IN_FLIGHT, 0).seconds


def main() -> None:
    match sys.argv[1:]:
        case ["--serve", folder]:
            serve(folder)
        case ["--direct", way, url]:
            print(json.dumps(DIRECT[way](url)), flush=True)
            os._exit(0)  # obstore's threads may abort a process that ends
        case options:
            rounds = 2 if "--quick" in options else int(options[options.index("--rounds") + 1]) if "--rounds" in options else 5
            with tempfile.TemporaryDirectory() as folder:
                for name in CASES:
                    figures = measured(name, rounds, Path(folder) / name)
                    print({key: _record.spelled(value) for key, value in figures.items()}, flush=True)
                    _record.append("remote", figures, ["zarr", "obstore"])


if __name__ == "__main__":
    main()
