"""Tiles of files, mapped and read: one line per case, appended to bench/record/mapped.csv.

    python bench/mapped.py [--quick] [--rounds 15] [--states written through tiles cold] [--] [PART OF A CASE'S NAME ...]

Three servers (uvicorn, one worker, no cache of chunks) serve the same folder. One maps files as ours
does; `kept` reads them through descriptors that it keeps, a `pread` for each row of a tile; `reopened`
opens them anew for each read. The last one takes part if stored chunks are asked for, of which ours
maps none. The servers take turns and are asked over one connection and over eight.

How fast a mapping is depends on how its pages came into the page cache: the system keeps those of a
file that was `written`, or read from end to end (`through`), in large folios, and those that came
tile by tile in single pages, each of which costs a fault of its own. A file is brought into each of
these states before its servers start.

A cold round begins with all files of the case out of the page cache: `posix_fadvise` evicts them and
`mincore` says how much stayed, of which the record has the largest part. Nobody can evict mapped
pages, so each file gets another time of modification first and every server is asked for its last
tile, upon which it gives up the mapping that it has. Then 64 tiles are asked for once.

A ratio is that of replies a second, or of processor time for one reply, round by round; above 1 the
mapped file wins.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import tifffile
import zarr

import _client
import _effort
import _record
from _contest import Sample
from _images import FOLDER, camera
from _servers import BENCH, Program, Server, live, running
from _spread import Spread

SIDE, TILE, LINE = 10000, 512, 2**20
DATA = FOLDER / "mapped"
COLD = "cold"
MAPPED, KEPT, REOPENED = "mapped", "kept", "reopened"


class Case(NamedTuple):
    """Paths of the tiles of a file or folder of files, row after row, and the setting `codec`."""

    name: str
    file: str
    paths: Sequence[str]
    codec: str = "blosc:lz4:5"
    ways: Sequence[str] = (MAPPED, KEPT)

    @property
    def files(self) -> list[Path]:
        path = DATA / self.file
        return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def tiles(base: str, separator: str = "/", edge: int = SIDE // TILE) -> list[str]:
    """Addresses of the whole tiles of an image."""
    return [f"{base}{y}{separator}{x}" for y, x in product(range(edge), repeat=2)]


CASES = [
    Case("npy tiles", "flat.npy", tiles("/zarr/v3/flat/c/"), ways=(MAPPED, KEPT, REOPENED)),
    Case("npy tiles, codec none", "flat.npy", tiles("/zarr/v3/flat/c/"), "none"),
    Case("hdf5 contiguous", "contiguous.h5", tiles("/zarr/v3/contiguous/data/c/")),
    Case("tiff strips", "strips.tif", tiles("/zarr/v3/strips/c/")),
    Case("tiff tiles", "tiled.tif", tiles("/zarr/v3/tiled/c/")),
    Case("tiff tiles, codec none", "tiled.tif", tiles("/zarr/v3/tiled/c/"), "none"),
    Case("npy in one row, codec none", "line.npy", [f"/zarr/v3/line/c/{i}" for i in range(SIDE * SIDE * 2 // LINE)], "none"),
    Case("ome level 1 of npy", "flat.npy", tiles("/ome-zarr/0.5/flat/1/c/", edge=SIDE // TILE // 2)),
    Case("ome level 3 of npy", "flat.npy", tiles("/ome-zarr/0.5/flat/3/c/", edge=SIDE // TILE // 8)),
    Case("hdf5 gzip, decoded", "gzip.h5", tiles("/zarr/v3/gzip/data/c/"), ways=(MAPPED, KEPT, REOPENED)),
    Case("hdf5 gzip, as stored", "gzip.h5", tiles("/zarr/v2/gzip/data/", "."), "zlib:1", (MAPPED, KEPT, REOPENED)),
    Case("zarr zstd, a file a chunk", "chunks.zarr", tiles("/zarr/v3/chunks/c/"), "zstd:0"),
]
"""Those of Zarr, whose files are never mapped, say how far two equal servers lie apart."""


def make() -> None:
    """The files, once."""
    if (DATA / "chunks.zarr").exists():
        return
    DATA.mkdir(parents=True, exist_ok=True)
    image = np.tile(camera(), (3, 3))[:SIDE, :SIDE]
    np.save(DATA / "flat.npy", image)
    np.save(DATA / "line.npy", image.reshape(-1))
    with h5py.File(DATA / "contiguous.h5", "w") as file:
        file["data"] = image
    with h5py.File(DATA / "gzip.h5", "w") as file:
        file.create_dataset("data", data=image, chunks=(TILE, TILE), compression="gzip", compression_opts=1)
    tifffile.imwrite(DATA / "strips.tif", image, metadata=None)
    tifffile.imwrite(DATA / "tiled.tif", image, metadata=None, tile=(TILE, TILE))
    zarr.create_array(DATA / "chunks.zarr", data=image, chunks=(TILE, TILE), compressors=[zarr.codecs.ZstdCodec(level=0)])
    os.sync()


def program(case: Case, way: str) -> Program:
    """A server of the folder that reads files in this way."""
    env = {"BENCH_FILES": way, "TILED_ZARR_CACHE_SIZE": "0", "TILED_ZARR_CODEC": case.codec}

    def command(port: int) -> list[str | Path]:
        python, *module, serve = live.cli_command(("directory", DATA, "--public"), "uvicorn", 1, port)[:4]
        rest = live.cli_command(("directory", DATA, "--public"), "uvicorn", 1, port)[4:]
        return [python, *(module if way == MAPPED else [BENCH / "_unmapped.py"]), serve, *rest]

    return Program(way, command, case.paths, env)


def through(file: Path) -> None:
    """Have a file read from end to end into an empty page cache."""
    evicted(file)
    with file.open("rb") as opened:
        while opened.read(2**20):
            pass


def written(file: Path) -> None:
    """Write a file anew, which leaves it in the page cache."""
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)


def evict(case: Case, servers: Sequence[Server]) -> float:
    """Have the servers give up what they have mapped, then put the files out of the page cache; the part of them that stayed."""
    if len(case.files) == 1:
        os.utime(case.files[0])
        for server in servers:
            server.get(case.paths[-1])
    return max(map(evicted, case.files))


def evicted(file: Path) -> float:
    """Put a file out of the page cache; the part of its pages that stayed."""
    with file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as mapping:
            address = np.frombuffer(mapping, "u1").ctypes.data
            pages = np.zeros(-(-len(mapping) // mmap.PAGESIZE), "u1")
            if ctypes.CDLL(None).mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(mapping)), ctypes.c_void_p(pages.ctypes.data)):
                raise OSError(f"mincore of {file} failed")
    return float((pages & 1).mean())


STATES: Mapping[str, Callable[[Path], object]] = {"written": written, "through": through, "tiles": evicted}
"""How files come into the page cache before servers start; those that are in none come in by their first tiles."""


def look(server: Server, connections: int, block: Sequence[str]) -> Sample:
    """One round of one server: each tile once."""
    before = server.processor_seconds()
    answer = _client.ask(server.port, block, connections, 0)
    return Sample(answer.rate, 1000 * (server.processor_seconds() - before) / answer.replies, answer.busy)


def rounds(servers: Mapping[str, Server], count: int, take: Callable[[Server], Sample]) -> dict[str, list[Sample]]:
    """Samples of all servers, another one first in each round."""
    found: dict[str, list[Sample]] = {way: [] for way in servers}
    names = list(servers)
    for number in range(count):
        for way in names[number % len(names) :] + names[: number % len(names)]:
            found[way].append(take(servers[way]))
    return found


def measured(case: Case, count: int, state: str) -> Iterator[dict[str, object]]:
    """A row for each number of connections and each way that is no mapping."""
    is_cold = state == COLD
    block = case.paths[:64] if is_cold else case.paths[:: max(1, len(case.paths) // 120)]
    stayed = [0.0]

    def take(server: Server, connections: int) -> Sample:
        if is_cold:
            stayed.append(evict(case, list(servers.values())))
        return look(server, connections, block)

    for file in case.files:
        STATES.get(state, evicted)(file)
    with ExitStack() as stack:
        servers = {way: stack.enter_context(running(program(case, way))) for way in case.ways}
        bodies = [server.bodies() for server in servers.values()]
        if any(others != bodies[0] for others in bodies):
            raise ValueError(f"{case.name}: the servers do not say the same")
        for connections in (1, 8):
            found = rounds(servers, count, partial(take, connections=connections))
            for way in case.ways[1:]:
                yield {
                    "case": case.name,
                    "cache": state,
                    "connections": connections,
                    "other": way,
                    **compared(found[MAPPED], found[way]),
                    "stayed": max(stayed) if is_cold else None,
                    "body_kib": sum(map(len, bodies[0])) / len(bodies[0]) / 1024,
                    "mapped_peak_mib": servers[MAPPED].peak(),
                    "other_peak_mib": servers[way].peak(),
                }


def compared(mapped: Sequence[Sample], others: Sequence[Sample]) -> dict[str, object]:
    """Medians of both, and the spread of their ratios."""
    pairs = list(zip(mapped, others, strict=True))
    rate = Spread.of(mine.rate / other.rate for mine, other in pairs)
    cost = Spread.of(other.cost / mine.cost for mine, other in pairs)
    means = [np.median([getattr(one, name) for one in side]) for name in ("rate", "cost") for side in (mapped, others)]
    return {
        **dict(zip(("mapped_per_second", "other_per_second", "mapped_cpu_ms", "other_cpu_ms"), map(float, means), strict=True)),
        **{f"ratio{suffix}": value for suffix, value in zip(("", "_low", "_high"), rate, strict=True)},
        **{f"cpu_ratio{suffix}": value for suffix, value in zip(("", "_low", "_high"), cost, strict=True)},
        "rounds": len(pairs),
    }


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--states", nargs="+", choices=[*STATES, COLD], default=[*STATES, COLD])
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    count = options.rounds or (3 if options.quick else 15)
    make()
    for case in CASES:
        if all(word in case.name for word in options.words):
            for state in options.states:
                for row in measured(case, count, state):
                    print(", ".join(f"{name} {_record.spelled(value)}" for name, value in row.items()), flush=True)
                    _record.append("mapped", row)


if __name__ == "__main__":
    main()
