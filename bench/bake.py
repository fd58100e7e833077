"""Baking beside other writers of pyramids, and beside reading alone.

    python bench/bake.py [--keep FOLDER] [image | hdf5 | cluster ...]

`image`: a pyramid of an image of 16384 x 16384 u2 in a .npy file, as OME-Zarr in shards, beside
ome-zarr-py, ngff-zarr, and dask with zarr-python (peers/writers.py, in the clients' environment
`ome`). `hdf5`: one of 4 GiB, shuffled and deflated in chunks of 1024 x 1024, beside reading and
decoding all of it by h5py in one thread, and by our reader in as many threads as the bake has.
`cluster`: a source that costs 20 ms of processor for each 512 x 512 pixels, by one and two workers
of a Dask scheduler. Each is a process of its own; seconds are those after its imports, RSS is its
peak. The best of ROUNDS runs counts, in turns. With --keep the sources are made in that folder, once. It prints a line per case and appends
it to bench/record/bake.csv.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import _record

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from clients import envs  # noqa: E402 - it is not found before that

EDGE = 16384
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
CHUNK = 1024
HDF5_SHAPE = (32 * CHUNK, 64 * CHUNK)
OURS = "tiled-zarr"
SOURCE = """
import time
import numpy as np
from tiled_zarr import Array

VALUES = np.random.default_rng(1).integers(0, 4000, (512, 512)).astype("u2")

def read(region):
    shape = [part.stop - part.start for part in region]
    end = time.thread_time() + 0.02 * shape[0] * shape[1] / 512**2
    while time.thread_time() < end:
        np.sort(VALUES.ravel())
    return np.resize(VALUES, shape)

image = Array(shape=(8192, 8192), dtype=np.dtype("u2"), read=read, revision=lambda: "1")
"""


def run(command: list[str | Path], env: dict[str, str] | None = None) -> tuple[float, float]:
    """The seconds that a process prints, and its peak RSS in MiB."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command} ended with {process.returncode}"
        out.seek(0)
        return float(out.read().split()[-1]), usage.ru_maxrss / 1024


def apart(make: Callable[[Path], None], path: Path) -> None:
    """Make a source in a process of its own: the peak RSS of a process counts that of its parent."""
    process = multiprocessing.get_context("spawn").Process(target=make, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 0


def ours(node: str, target: Path, **options: Any) -> list[str | Path]:
    """The command that bakes."""
    code = (
        "import time; from tiled_zarr.baking import bake; began = time.perf_counter(); "
        f"bake({node!r}, {str(target)!r}, **{options!r}); print(time.perf_counter() - began)"
    )
    return [sys.executable, "-c", code]


def photograph(path: Path) -> None:
    """An image with the noise of a camera and smooth structure, unless it is there."""
    if path.exists():
        return
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : EDGE // 4, 0 : EDGE // 4]
    scene = 2000 + 1500 * np.sin(x / 97) * np.cos(y / 131)
    out = np.lib.format.open_memmap(path, mode="w+", dtype="u2", shape=(EDGE, EDGE))
    for top in range(0, EDGE, EDGE // 4):
        for left in range(0, EDGE, EDGE // 4):
            out[top : top + EDGE // 4, left : left + EDGE // 4] = rng.poisson(scene)
    out.flush()


def hdf5(path: Path) -> None:
    """16 chunks of such an image, again and again, unless the file is there."""
    if path.exists():
        return
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:CHUNK, 0:CHUNK]
    bodies = []
    for number in range(16):
        chunk = rng.poisson(2000 + 1500 * np.sin(x / 97 + number) * np.cos(y / 131)).astype("<u2")
        bodies.append(zlib.compress(chunk.view("u1").reshape(-1, 2).T.tobytes(), 4))
    with h5py.File(path, "w") as file:
        made = file.create_dataset("image", HDF5_SHAPE, "<u2", chunks=(CHUNK, CHUNK), compression="gzip", shuffle=True)
        for number, place in enumerate(np.ndindex(HDF5_SHAPE[0] // CHUNK, HDF5_SHAPE[1] // CHUNK)):
            made.id.write_direct_chunk(tuple(CHUNK * index for index in place), bodies[number % len(bodies)])


def by_h5py(path: Path) -> list[str | Path]:
    code = (
        f"import h5py, time; data = h5py.File({str(path)!r})['image']; began = time.perf_counter()\n"
        f"for top in range(0, {HDF5_SHAPE[0]}, {CHUNK}): data[top:top + {CHUNK}]\n"
        "print(time.perf_counter() - began)"
    )
    return [sys.executable, "-c", code]


def by_us(path: Path) -> list[str | Path]:
    code = (
        "import os, time, tiled_zarr; from concurrent.futures import ThreadPoolExecutor\n"
        f"node = tiled_zarr.open({str(path)!r}).children['image']; began = time.perf_counter()\n"
        f"regions = [(slice(y, y + {CHUNK}), slice(x, x + 4096)) for y in range(0, {HDF5_SHAPE[0]}, {CHUNK}) "
        f"for x in range(0, {HDF5_SHAPE[1]}, 4096)]\n"
        "for _ in ThreadPoolExecutor(os.cpu_count()).map(lambda region: node.read(region).nbytes, regions): pass\n"
        "print(time.perf_counter() - began)"
    )
    return [sys.executable, "-c", code]


def best(
    name: str, commands: dict[str, list[str | Path]], target: Path, env: dict[str, str] | None = None
) -> dict[str, tuple[float, float]]:
    """The least seconds and the most RSS of each command, in turns; prints them."""
    found: dict[str, list[tuple[float, float]]] = {who: [] for who in commands}
    for _ in range(ROUNDS):
        for who, command in commands.items():
            shutil.rmtree(target, ignore_errors=True)
            found[who].append(run(command, env))
    made = {who: (min(seconds for seconds, _ in runs), max(rss for _, rss in runs)) for who, runs in found.items()}
    for who, (seconds, rss) in made.items():
        ratio = seconds / made[OURS][0]
        print(f"{name:8} {who:24} {seconds:7.2f} s {rss:7.0f} MiB {ratio:6.2f} x", flush=True)
        _record.append("bake", {"case": name, "who": who, "seconds": seconds, "rss_mib": rss, "ratio": ratio}, ["zarr", "h5py"])
    return made


def image(folder: Path) -> None:
    apart(photograph, folder / "image.npy")
    target = folder / "target"
    python, script = envs.interpreter("ome"), HERE / "peers" / "writers.py"
    peers: dict[str, list[str | Path]] = {
        who: [python, "-W", "ignore", script, who, folder / "image.npy", target] for who in ("dask+zarr", "ome-zarr-py", "ngff-zarr")
    }
    made = best("image", {OURS: ours(str(folder / "image.npy"), target), **peers}, target)
    fastest = min(seconds for who, (seconds, _) in made.items() if who != OURS)
    print(f"{fastest / made[OURS][0]:.1f} times as fast as the fastest of the others")


def file(folder: Path) -> None:
    apart(hdf5, folder / "image.h5")
    target = folder / "target"
    commands = {
        OURS: ours(f"{folder / 'image.h5'}::image", target),
        "read by h5py": by_h5py(folder / "image.h5"),
        "read by us": by_us(folder / "image.h5"),
    }
    made = best("hdf5", commands, target)
    nbytes = math.prod(HDF5_SHAPE) * 2
    for who in ("read by h5py", "read by us"):
        print(f"{nbytes / made[OURS][0] / 1e6:.0f} MB/s, {made[who][0] / made[OURS][0]:.2f} of the speed of {who}")


@contextmanager
def scheduler(folder: Path, workers: int, env: dict[str, str]) -> Iterator[str]:
    """The address of a scheduler with so many workers of one thread."""
    file, started = folder / "scheduler.json", list[subprocess.Popen[bytes]]()

    def start(kind: str, *arguments: str) -> None:
        code = f"from distributed.cli.dask_{kind} import main; main()"
        started.append(subprocess.Popen([sys.executable, "-c", code, *arguments, "--no-dashboard"], env=env, stderr=subprocess.DEVNULL))

    file.unlink(missing_ok=True)
    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        while not (file.exists() and file.read_text().endswith("}")):
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        for _ in range(workers):
            start("worker", address, "--nthreads", "1", "--no-nanny", "--memory-limit", "0")
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()


def cluster(folder: Path) -> None:
    (folder / "bench_source.py").write_text(SOURCE)
    env = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    target, found = folder / "target", dict[int, float]()
    for workers in (1, 2):
        with scheduler(folder, workers, env) as address:
            made = best(
                f"{workers} worker{'s' * (workers > 1)}", {OURS: ours("bench_source:image", target, scheduler=address)}, target, env
            )
            found[workers] = made[OURS][0]
    print(f"two workers are {found[1] / found[2]:.2f} times as fast as one")


def main() -> None:
    cases = {"image": image, "hdf5": file, "cluster": cluster}
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(cases))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bake") as folder:
        for name in given.cases or cases:
            cases[name](given.keep or Path(folder))


if __name__ == "__main__":
    main()
