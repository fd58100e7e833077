"""Compares the native module of this checkout with another build of it.

    python bench/natives.py CHECKOUT [--rounds 21] [--seconds 1] [--connections 16]
        [--server uvicorn] [PART OF A CASE'S NAME ...]

CHECKOUT is a folder whose python/ holds the package with the other module, for example a copy of
this one. First, one process loads both modules, and they encode (`encode`, Blosc with LZ4) and
decode (`decode`) tiles of 512 x 512 of every item type in turns. Then both serve an image of
4096 x 4096 f4 without a cache (`serve`). A ratio above 1 means that this checkout is faster; the
spread is that of the middle half of the rounds. It prints one line per case and appends it to
bench/record/natives.csv.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import _effort
import _record
from _contest import sample
from _images import Tiles
from _servers import BENCH, ROOT, SOURCES, ours, running

SHAPE = (512, 512)
DTYPES = ("|b1", "|u1", "<u2", "<i4", "<i8", "<f2", "<f4", "<f8", "<c16")
BLOSC = 32001
CALLS = 4
"""Calls in one measurement; each takes 50 microseconds to some milliseconds."""
Block = np.ndarray[Any, Any]


class Case(NamedTuple):
    """The same call for each module, and the KiB that it returns."""

    name: str
    calls: tuple[Callable[[], object], Callable[[], object]]
    kib: tuple[float, float]


def loaded(path: Path, name: str) -> Any:
    """A native module, imported under another name so that several can be loaded."""
    loader = ExtensionFileLoader(f"{name}._native", str(path))
    spec = importlib.util.spec_from_file_location(f"{name}._native", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def contents(dtype: np.dtype[Any]) -> Iterator[tuple[str, Block]]:
    """A noisy picture, a smooth one, a few labels and rare counts, if the type can hold them."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    waves, noise = np.sin(x / 90) * np.cos(y / 70), random.normal(0, 1, SHAPE)
    if dtype.kind == "b":
        yield "mask", waves > 0
        yield "speckle", waves + 0.3 * noise > 0
        return
    if dtype.kind == "c":
        yield "camera", (waves + 0.01 * noise + 1j * waves).astype(dtype)
        return
    high = 100 if dtype.itemsize == 1 else 10_000
    picture, shot = (1000 * waves, noise) if dtype.kind == "f" else (high * (waves + 1), 3 * noise)
    yield "camera", (picture + shot).astype(dtype)
    yield "smooth", picture.astype(dtype)
    yield "labels", (x // 37 * (y // 41) % 200).astype(dtype)
    yield "counts", random.poisson(0.1, SHAPE).astype(dtype)


def cases(natives: tuple[Any, Any]) -> Iterator[Case]:
    for dtype in map(np.dtype, DTYPES):
        for name, block in contents(dtype):
            items = block.view(f"V{dtype.itemsize}")
            shuffle = "noshuffle" if dtype.itemsize == 1 else "shuffle"
            encodes = tuple(encoder(native, items, shuffle) for native in natives)
            kib = tuple(len(encode()) / 1024 for encode in encodes)
            yield Case(f"encode {dtype.str} {name}", encodes, kib)
            body = encodes[0]()
            yield Case(f"decode {dtype.str} {name}", tuple(decoder(native, body, dtype.itemsize) for native in natives), kib)


def encoder(native: Any, items: Block, shuffle: str) -> Callable[[], bytes]:
    codec = native.Codec("blosc", cname="lz4", level=5, shuffle=shuffle, typesize=items.itemsize)
    return lambda: native.encode(items, SHAPE, codec)


def decoder(native: Any, body: bytes, itemsize: int) -> Callable[[], None]:
    engine, out = native.Decoder([(BLOSC, ())], SHAPE, itemsize), np.empty(SHAPE, f"V{itemsize}")
    return lambda: engine.read(out, (0, 0), [((0, 0), body, 0)])


def microseconds(call: Callable[[], object]) -> float:
    start = time.thread_time_ns()
    for _ in range(CALLS):
        call()
    return (time.thread_time_ns() - start) / CALLS / 1000


def in_turns(measures: tuple[Callable[[], float], Callable[[], float]], rounds: int) -> list[tuple[float, float]]:
    """The measurements of both modules, which take turns at going first."""
    pairs = []
    for number in range(rounds):
        first, second = (measure() for measure in measures[:: 1 if number % 2 else -1])
        pairs.append((first, second) if number % 2 else (second, first))
    return pairs


def report(name: str, pairs: list[tuple[float, float]], kib: tuple[float, float]) -> None:
    """Print a line and append a row; times are in microseconds."""
    this, other = (statistics.median(values) for values in zip(*pairs, strict=True))
    low, ratio, high = statistics.quantiles([other / this for this, other in pairs], n=4)
    made = [f"{who} {us:8.1f} us {size:7.1f} KiB" for who, us, size in zip(("this", "other"), (this, other), kib, strict=True)]
    print(f"{name:24} {'  '.join(made)}  {ratio:.3f} ({low:.3f} to {high:.3f})", flush=True)
    figures = {"case": name, "this_us": this, "other_us": other, "this_kib": kib[0], "other_kib": kib[1]}
    _record.append("natives", {**figures, "ratio": ratio, "ratio_low": low, "ratio_high": high, "rounds": len(pairs)})


def kernels(checkout: Path, wanted: list[str], rounds: int) -> None:
    module = Path("python", "tiled_zarr", "_native.abi3.so")
    natives = loaded(ROOT / module, "this"), loaded(checkout / module, "other")
    for case in cases(natives):
        if any(part in case.name for part in wanted):
            pairs = in_turns(tuple(lambda call=call: microseconds(call) for call in case.calls), rounds)
            report(case.name, pairs, case.kib)


def serve(checkout: Path, server: str, effort: _effort.Effort) -> None:
    """Processor time of the whole server per chunk."""
    tiles = Tiles(512)
    program = ours(
        "this", server, tiles.paths("/zarr/v3/image/c/"), source=("pyobject", "_images:floats"), chunk_shape="512,512", cache_size=0
    )
    other = replace(program, name="other", env={**program.env, "PYTHONPATH": f"{checkout / 'python'}:{BENCH}"})
    this = replace(program, env={**program.env, "PYTHONPATH": SOURCES})
    with ExitStack() as stack:
        servers = [stack.enter_context(running(program)) for program in (this, other)]
        kib = tuple(sum(map(len, server.bodies())) / len(tiles.indices) / 1024 for server in servers)
        costs = [lambda server=server: 1000 * sample(server, effort).cost for server in servers]
        pairs = in_turns((costs[0], costs[1]), effort.rounds)
    report(f"serve <f4 {server}", pairs, (kib[0], kib[1]))


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("parts", nargs="*", default=["encode", "decode", "serve"])
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    effort = _effort.effort(options)
    rounds = options.rounds or (5 if options.quick else 21)
    kernels(options.checkout.resolve(), options.parts, rounds)
    if any(part in "serve" for part in options.parts):
        serve(options.checkout.resolve(), options.server, effort._replace(rounds=rounds))


if __name__ == "__main__":
    main()
