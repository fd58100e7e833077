"""Measures the constants of the native pool, one at a time, next to the values in the code.

    python bench/pool.py [--rounds 7] [--seconds 1] [--connections 16] [--server uvicorn]
        [CONSTANT ...]

Each value of a constant has its own server. All run at once, and the client requests from them in
turns: chunks of 512 x 512 u2 without a cache, quick ones (Blosc with LZ4) and slow ones (Zstandard
at level 9). A row of bench/record/pool.csv has the chunks a second, the processor time of a chunk
and its latency. A ratio above 1 means that the value in the row is better than the code's. If other
programs use the machine, compare the processor time.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack

import _client
import _effort
import _record
from _images import Tiles, camera
from _servers import Server, asgi, running

MEBIBYTE = 2**20
VALUES = {
    "AHEAD": (8, 0, 1, 2, 4, 16, 64),
    "SLOW_AHEAD": (1, 0, 2, 8),
    "TURN": (2 * MEBIBYTE, MEBIBYTE // 2, MEBIBYTE, 8 * MEBIBYTE, 64 * MEBIBYTE),
    "SLOW": (2e-3 / MEBIBYTE, 0, 1e-3 / MEBIBYTE, 4e-3 / MEBIBYTE, 1),
}
"""The values to measure; the first is the one in the code."""
CODECS = {"quick": "blosc:lz4:5", "slow": "zstd:9"}
TILES = Tiles(512)
"""Tiles of 512 x 512 u2, half a MiB each."""
Round = tuple[float, float, float]


def measured(server: Server, effort: _effort.Effort) -> Round:
    """Chunks a second, processor time per chunk, and the 99th percentile of the latency.

    Both times are in milliseconds.
    """
    before = server.processor_seconds()
    answer = _client.ask(server.port, server.program.paths, effort.connections, effort.seconds)
    return answer.rate, 1000 * (server.processor_seconds() - before) / answer.replies, answer.p99


def sweep(constant: str, kind: str, server: str, effort: _effort.Effort) -> None:
    env = {"TILED_ZARR_TREE": "_images:tree", "TILED_ZARR_PUBLIC": "1", "TILED_ZARR_CACHE_SIZE": "0", "TILED_ZARR_CHUNK_SHAPE": "512,512"}
    env["TILED_ZARR_CODEC"] = CODECS[kind]
    paths = TILES.paths("/zarr/v3/image/c/")
    programs = [
        asgi(str(value), "_constants:app", server, paths, env={**env, "BENCH_POOL": f"{constant}={value!r}"}) for value in VALUES[constant]
    ]
    with ExitStack() as stack:
        servers = [stack.enter_context(running(program)) for program in programs]
        for each in servers:
            measured(each, effort)
        rounds = [[measured(each, effort) for each in servers] for _ in range(effort.rounds)]
    for value, results in zip(VALUES[constant], zip(*rounds, strict=True), strict=True):
        report(constant, kind, value, list(results), [row[0] for row in rounds])


def report(constant: str, kind: str, value: float, ours: list[Round], theirs: list[Round]) -> None:
    figures: dict[str, object] = {"constant": constant, "codec": CODECS[kind], "value": value, "rounds": len(ours)}
    line = f"{constant:10} {kind:5} {value:12.4g}"
    for place, name in enumerate(("rate", "cpu_ms", "p99_ms")):
        ratios = [(mine[place] / other[place]) ** (1 if name == "rate" else -1) for mine, other in zip(ours, theirs, strict=True)]
        low, ratio, high = statistics.quantiles(ratios, n=4)
        figures |= {name: statistics.median(row[place] for row in ours), f"{name}_ratio": ratio, f"{name}_low": low, f"{name}_high": high}
        line += f"  {name} {figures[name]:8.2f} {ratio:5.2f} ({low:.2f} to {high:.2f})"
    print(line, flush=True)
    _record.append("pool", figures)


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("constants", nargs="*", default=list(VALUES))
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    camera()  # the servers find it made
    for constant in options.constants:
        for kind in CODECS:
            sweep(constant, kind, options.server, _effort.effort(options))


if __name__ == "__main__":
    main()
