"""Our threads for sources (http/work) against `concurrent.futures.ThreadPoolExecutor`: chunks of files a second, through a server.

    python bench/threads.py [--quick] [--servers uvicorn hypercorn granian] [--rounds 7] [--seconds 2] [--connections 16]

The camera image as a `.npy` file, and in chunks of another compression as an HDF5 file, in a folder that is served without a cache: so
each chunk takes a thread. The executor has as many threads as there are processors, which is what ours have as a rule, or as many as
ours may have at most. One line a comparison, kept in bench/record/threads.csv.
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py

import _effort
import _images
from _contest import contest
from _images import Tiles
from _report import Comparison, report
from _servers import Program, asgi
from tiled_zarr.settings import Settings

SERVERS = ("uvicorn", "hypercorn", "granian")
TILES = Tiles(512)
FOLDER = _images.FOLDER / "threads"
OURS = "threads"
EXECUTORS = {f"executor of {count}": count for count in (os.cpu_count() or 1, Settings().threads)}
SOURCES = {"npy": "npy", "hdf5": "hdf5/image"}


def files() -> Path:
    """The folder with the image in both files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    image = _images.camera()
    link = FOLDER / "npy.npy"
    if not link.exists():
        os.link(_images.FOLDER / "camera.npy", link)
    if not (FOLDER / "hdf5.h5").exists():
        with h5py.File(FOLDER / "writing", "w") as file:
            file.create_dataset("image", data=image, chunks=(TILES.edge,) * 2, compression="lzf")
        (FOLDER / "writing").rename(FOLDER / "hdf5.h5")
    return FOLDER


def programs(server: str, source: str, folder: Path) -> list[Program]:
    """Ours and the executors."""
    paths = TILES.paths(f"/zarr/v3/{SOURCES[source]}/c/")
    env = {
        "TILED_ZARR_DIRECTORY": str(folder),
        "TILED_ZARR_PUBLIC": "1",
        "TILED_ZARR_CACHE_SIZE": "0",
        "TILED_ZARR_CHUNK_SHAPE": f"{TILES.edge},{TILES.edge}",
    }
    counts = {OURS: 0, **EXECUTORS}
    return [asgi(name, "_executor:app", server, paths, env={**env, "BENCH_EXECUTOR": str(count)}) for name, count in counts.items()]


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS)
    options = parser.parse_args()
    effort, folder = _effort.effort(options), files()
    for server in options.servers or SERVERS[:1]:
        for source in SOURCES:
            results = contest(programs(server, source, folder), TILES, effort)
            case = f"{server}, {effort.connections} connections, {source} file, {TILES}"
            report("threads", case, TILES, results, [Comparison(OURS, name) for name in EXECUTORS], server, "h5py")


if __name__ == "__main__":
    main()
