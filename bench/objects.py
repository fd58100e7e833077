"""One image of 4096 x 4096 u2 in every object and store, served by us and by its own library.

    python bench/objects.py [--quick] [--rounds 5] [--seconds 2] [--connections 8] [PART OF A NAME ...]

Each program is a server of ours in its own process with one worker of uvicorn. The reference has an
adapter that only calls the library of the format, and numcodecs as encoder (`_ablation`); since it
has no revision, each of its chunks is computed for each request. Cold: each chunk is requested once
from a server that has just started; the file is in the page cache. Warm: the chunks are requested
again and again. Both are chunks a second; CPU is the processor time of the server per cold chunk.
The memory is the highest of the process. All are medians over rounds; the two programs take turns.
zarr-python has compared the image once. It prints one line per case and appends it to
bench/record/objects.csv.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import zarr

import _client
import _effort
import _record
from _images import FOLDER, camera
from _objects import SOURCES
from _servers import Program, Server, asgi, ours, running
from _spread import Spread
from tiled_zarr.testing.readback import chunk_keys

SERVER = "uvicorn"
OURS, REFERENCE = "ours", "reference"


class Sample(NamedTuple):
    """Chunks a second, cold and warm; milliseconds of processor time per cold chunk; MiB."""

    cold: float
    warm: float
    cost: float
    peak: float


def base(name: str) -> str:
    """The path of the array of a source."""
    return "/".join(filter(None, ["/zarr/v3/image", SOURCES[name].below]))


def programs(name: str) -> dict[str, Program]:
    """Our server and the reference, with the same source."""
    document = [f"{base(name)}/zarr.json"]
    mine = ours(OURS, SERVER, document, source=("pyobject", "_objects:tree"))
    env = {"BENCH_SOURCE": name, "TILED_ZARR_TREE": "_objects:reference", "TILED_ZARR_PUBLIC": "1"}
    theirs = asgi(REFERENCE, "_ablation:app", SERVER, document, env=env)
    return {OURS: replace(mine, env={**mine.env, "BENCH_SOURCE": name}), REFERENCE: theirs}


def measured(server: Server, name: str, effort: _effort.Effort, *, check: bool) -> Sample:
    """One round of one program. Raises ValueError if it serves something else than the image."""
    paths = [f"{base(name)}/{key}" for key in chunk_keys(json.loads(server.get(server.program.paths[0])))]
    before = server.processor_seconds()
    cold = _client.ask(server.port, paths, effort.connections, 0)
    cost = 1000 * (server.processor_seconds() - before) / len(paths)
    warm = _client.ask(server.port, paths, effort.connections, effort.seconds)
    peak = server.peak()
    if check:
        read = zarr.open_array(f"http://{_client.HOST}:{server.port}{base(name)}", mode="r", zarr_format=3)[...]
        if not np.array_equal(np.asarray(read).reshape(camera().shape), camera()):
            raise ValueError(f"{name}: {server.program.name} does not serve the image")
    return Sample(cold.rate, warm.rate, cost, peak)


def case(name: str, effort: _effort.Effort) -> dict[str, object]:
    """The figures of a source."""
    SOURCES[name].path(name)  # made before the servers open it
    rounds: dict[str, list[Sample]] = {OURS: [], REFERENCE: []}
    for number in range(effort.rounds):
        for kind, program in programs(name).items():
            with running(program) as server:
                rounds[kind].append(measured(server, name, effort, check=number == 0))
    ratio = Spread.of(theirs.cost / mine.cost for mine, theirs in zip(rounds[OURS], rounds[REFERENCE], strict=True))
    medians = {kind: Sample(*(Spread.of(values).median for values in zip(*samples, strict=True))) for kind, samples in rounds.items()}
    print(f"{name:16} {'   '.join(shown(kind, medians[kind]) for kind in rounds)}   CPU ratio {ratio}", flush=True)
    figures = {f"{kind}_{figure}": value for kind, sample in medians.items() for figure, value in sample._asdict().items()}
    return {"source": name, "rounds": effort.rounds, **figures, "ratio": ratio.median, "ratio_low": ratio.low, "ratio_high": ratio.high}


def shown(kind: str, sample: Sample) -> str:
    """A program's part of a line."""
    return f"{kind} cold {sample.cold:5.0f}/s warm {sample.warm:6.0f}/s CPU {sample.cost:6.2f} ms RSS {sample.peak:4.0f} MiB"


def main() -> None:
    parser = _effort.parser(__doc__, connections=8)
    parser.add_argument("names", nargs="*", metavar="PART OF A NAME")
    options = parser.parse_args()
    effort = _effort.effort(options)
    effort = effort._replace(rounds=options.rounds or (1 if options.quick else 5))
    FOLDER.mkdir(parents=True, exist_ok=True)
    camera()
    for name in SOURCES:
        if all(word.lower() in name.lower() for word in options.names):
            _record.append("objects", case(name, effort), ["numcodecs", "zarr", "h5py", "tifffile"])


if __name__ == "__main__":
    main()
