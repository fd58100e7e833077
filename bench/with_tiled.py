"""Processor time per chunk with Tiled's own Zarr endpoint, with ours before it, and through our proxy.

    python bench/with_tiled.py [--quick] [--rounds 7] [--seconds 2] [--connections 16]

All run at the same time under one worker of uvicorn, and the same client requests the same chunks
from them in turns, with Tiled's key. The processor time of the proxy is its own and that of the
Tiled server behind it. `cold` and `encoding` read and encode each chunk for each request in Tiled's
codec, as Tiled does; `front, as it is` has our defaults, and `warm` a filled cache.

Tiled 0.2.20 answers 500 for the chunks of Zarr assets in a catalog below its own /zarr, so there
the block of its API is what we compare with, which Tiled does not encode. It prints a line for each
program and comparison, and appends the comparisons to bench/record/with_tiled.csv.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numcodecs

import _effort
import _images
import _record
import _servers
import _tiled
from _contest import Result, contest
from _images import Tiles
from _servers import Program
from _spread import Spread

SERVER = "uvicorn"
TILES = Tiles(_tiled.EDGE)
TILED, ENCODING, FRONT, COLD, WARM = "Tiled", "front, encoding", "front, as it is", "proxy, cold", "proxy, warm"
ENCODED_ANEW = {"TILED_ZARR_CACHE_SIZE": "0", "TILED_ZARR_CODEC": "blosc:lz4:5"}


class Case(NamedTuple):
    """A place of the image in Tiled, and the largest shares of Tiled's processor time that we aim for, by program."""

    name: str
    tree: str
    node: str
    goals: Mapping[str, float | None]
    decode: Callable[[bytes], bytes]
    """Undoes the codec of `front, as it is`, which sends chunks of files as they are stored."""
    has_zarr: bool = True
    """True if Tiled's own Zarr endpoint can read it."""


BLOSC, ZSTD = numcodecs.Blosc().decode, numcodecs.Zstd().decode
CASES = (
    Case("memory", "memory", "image", {ENCODING: 0.15, COLD: None, WARM: 0.15}, BLOSC),
    Case("catalog, HDF5", "catalog", "hdf5/image", {ENCODING: 0.25, FRONT: None}, bytes),
    Case("catalog, Zarr", "catalog", "zarr", {ENCODING: 0.25, FRONT: None}, ZSTD, has_zarr=False),
    Case("catalog, written by Tiled", "catalog", "written", {ENCODING: 0.25, FRONT: None}, ZSTD, has_zarr=False),
)


def programs(case: Case) -> Iterator[Program]:
    """Tiled, then ours."""
    ours = keyed(TILES.paths(f"/zarr/v3/{case.node}/c/"))
    yield tiled(case)
    for name in case.goals:
        env = ENCODED_ANEW if name in {ENCODING, COLD} else {}
        made = proxy(name, ours, env) if name in {COLD, WARM} else application(name, f"front {case.tree}", ours, env)
        yield replace(made, decode=case.decode) if name == FRONT else made


def tiled(case: Case) -> Program:
    """Tiled alone: its Zarr endpoint, or its blocks, which it does not encode."""
    if case.has_zarr:
        return application(TILED, case.tree, keyed(TILES.paths(f"/zarr/v2/{case.node}/", ".")))
    blocks = [
        f"/api/v1/array/block/{case.node}?block={y},{x}&format=application/octet-stream&api_key={_tiled.KEY}" for y, x in TILES.indices
    ]
    return replace(application(TILED, case.tree, blocks), decode=bytes)


def application(name: str, chosen: str, paths: Sequence[str], env: Mapping[str, str] | None = None) -> Program:
    return _servers.asgi(name, "_tiled:app", SERVER, paths, env={_tiled.NAME: chosen, **(env or {})})


def proxy(name: str, paths: Sequence[str], env: Mapping[str, str]) -> Program:
    return Program(name, lambda port: [sys.executable, _servers.BENCH / "_tiled.py", str(port)], paths, env)


def keyed(paths: Sequence[str]) -> list[str]:
    return [f"{path}?api_key={_tiled.KEY}" for path in paths]


def report(case: Case, results: Mapping[str, Result]) -> None:
    """Print and record a case."""
    print(f"\n{case.name}, {TILES}; Tiled by {'/zarr/v2' if case.has_zarr else '/api/v1/array/block: its /zarr answers 500 here'}")
    for result in results.values():
        print(f"  {result}")
    theirs = results[TILED]
    for name, goal in case.goals.items():
        ours = results[name]
        share = Spread.of(mine.cost / other.cost for mine, other in zip(ours.samples, theirs.samples, strict=True))
        aim = "" if goal is None else f", goal at most {goal:g}: {'met' if share.median <= goal else 'MISSED'}"
        print(f"    {name} / Tiled: {share} of its processor time{aim}", flush=True)
        _record.append("with_tiled", figures(case, name, results, share), [SERVER, "tiled"])


def figures(case: Case, name: str, results: Mapping[str, Result], share: Spread) -> dict[str, object]:
    """A comparison as columns of the record."""
    ours, theirs = results[name], results[TILED]
    return {
        "case": case.name,
        "ours": name,
        "theirs": "/zarr/v2" if case.has_zarr else "/api/v1/array/block",
        "share": share.median,
        "share_low": share.low,
        "share_high": share.high,
        "goal": case.goals[name],
        "rounds": len(ours.samples),
        "ours_cpu_ms": ours.median.cost,
        "theirs_cpu_ms": theirs.median.cost,
        "ours_per_second": ours.median.rate,
        "theirs_per_second": theirs.median.rate,
        "ours_peak_mib": ours.peak,
        "theirs_peak_mib": theirs.peak,
    }


def main() -> None:
    options = _effort.parser(__doc__).parse_args()
    _images.camera()
    subprocess.run(
        [sys.executable, _servers.BENCH / "_tiled.py"], env=_servers.live.environment({"PYTHONPATH": _servers.SOURCES}), check=True
    )
    for case in CASES:
        report(case, contest(list(programs(case)), TILES, _effort.effort(options)))


if __name__ == "__main__":
    main()
