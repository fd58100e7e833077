"""What a container of a million entries costs us, and a chunk out of a catalog.

    python bench/catalog.py [--entries 1000000] [--folder FOLDER] [--rounds 5]

It makes an SQLite catalog by Tiled's command, fills one container by SQL, and keeps it in the
folder. Each entry is an array with a data source and the same file as its asset. Then it starts
`tiled-zarr serve catalog` and opens nodes by their paths: the first one after the start, and others
that nobody has asked for. `again` is a node whose path is known; `written` the same after another
process has written to the catalog. A listing of the container is refused by its size.

The goals: the first node within 50 ms, and less than 300 MB resident. The processor time of a chunk
is that of the application in process: `first` reads and encodes it, `again` sends it from the cache,
and `304` says that it is the same. It prints one line per case and appends it to
bench/record/catalog.csv.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import h5py
import numpy as np
import zarr

import _images
import _processes
import _record

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from asgi import asked
from live import live

SHAPE, CHUNK = (4096, 4096), (512, 512)
MOST_MS, MOST_MB = 50, 300
INSERTS = """
INSERT INTO nodes (id, key, parent, structure_family, metadata, specs)
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
  SELECT 10 + n, printf('entry%07d', n), 10, 'array', json_object('scan_id', n), '[]' FROM numbers;
INSERT INTO nodes_closure (ancestor, descendant, depth)
  SELECT 0, id, 2 FROM nodes WHERE parent = 10 UNION ALL SELECT 10, id, 1 FROM nodes WHERE parent = 10
  UNION ALL SELECT id, id, 0 FROM nodes WHERE parent = 10;
INSERT INTO data_sources (id, node_id, structure_id, mimetype, parameters, properties, management, structure_family)
  SELECT id, id, 's', 'application/x-npy', '{}', '{}', 'external', 'array' FROM nodes WHERE parent = 10;
INSERT INTO data_source_asset_association (data_source_id, asset_id, parameter)
  SELECT id, 1, 'data_uri' FROM nodes WHERE parent = 10;
"""
STRUCTURE = (
    '{"shape": [10], "chunks": [[10]], "data_type": {"endianness": "little", "kind": "f", "itemsize": 8}, "dims": null, "resizable": false}'
)


def million(folder: Path, count: int) -> str:
    """The address of a catalog with a container `many` of `count` arrays, which is made if there is none."""
    path, data = folder / f"catalog-{count}.db", folder / "data"
    uri = f"sqlite:///{path}"
    if not path.exists():
        from tiled.catalog import from_uri

        data.mkdir(exist_ok=True)
        np.save(data / "x.npy", np.arange(10.0))
        from_uri(uri, init_if_not_exists=True)
        fill(path, data, count)
    return uri


def fill(path: Path, data: Path, count: int) -> None:
    """Insert the entries. The closure is inserted at once, since a trigger for each row takes minutes."""
    with sqlite3.connect(path) as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql IS NOT NULL").fetchall()
        for name, _ in triggers:
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("INSERT INTO structures (id, structure) VALUES ('s', ?)", [STRUCTURE])
        database.execute(
            "INSERT INTO assets (id, data_uri, is_directory) VALUES (1, ?, 0)", [f"file://localhost{quote(str(data / 'x.npy'))}"]
        )
        database.execute(
            "INSERT INTO nodes (id, key, parent, structure_family, metadata, specs) VALUES (10, 'many', 0, 'container', '{}', '[]')"
        )
        database.execute("INSERT INTO nodes_closure (ancestor, descendant, depth) VALUES (0, 10, 1), (10, 10, 0)")
        for statement in filter(str.strip, INSERTS.split(";")):
            database.execute(statement, {"count": count} if ":count" in statement else {})
        for _, statement in triggers:
            database.execute(statement)
    database.close()


def written(path: Path) -> None:
    """Write to the catalog, as another process does."""
    with sqlite3.connect(path, timeout=60) as database:
        database.execute("UPDATE assets SET size = coalesce(size, 0) + 1")
    database.close()


def timed(connection: http.client.HTTPConnection, key: str) -> float:
    """The milliseconds of a GET."""
    start = time.perf_counter()
    connection.request("GET", f"/zarr/v3/{key}")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return 1000 * (time.perf_counter() - start)


def large(folder: Path, count: int, rounds: int) -> None:
    """Open nodes in a container of `count` entries, and print what it costs."""
    uri = million(folder, count)
    with live("catalog", uri, "--read", folder / "data", "--public") as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        keys = [f"many/entry{number:07}/zarr.json" for number in range(count // 2, count // 2 + rounds + 1)]
        first, others = timed(connection, keys[0]), [timed(connection, key) for key in keys[1:]]
        again = [timed(connection, keys[0]) for _ in range(rounds)]
        after = []
        for key in keys[1:]:
            written(Path(uri.removeprefix("sqlite:///")))
            after.append(timed(connection, key))
        resident = _processes.peak(server.pid) * _processes.MEBIBYTE / 1e6
        connection.request("GET", "/zarr/v3/many/")
        listing = connection.getresponse()
        listing.read()
    figures = {
        "case": "large container",
        "entries": count,
        "first_ms": first,
        "other_ms": statistics.median(others),
        "again_ms": statistics.median(again),
        "written_ms": statistics.median(after),
        "listing": listing.status,
        "peak_mb": resident,
        "imports_mb": imports(),
    }
    print(
        f"{count:,} entries: first node {first:.1f} ms, others {figures['other_ms']:.1f}, again {figures['again_ms']:.1f}, "
        f"after a write {figures['written_ms']:.1f}; listing {listing.status}; "
        f"{resident:.0f} MB at the peak before it, of which {figures['imports_mb']:.0f} to import Tiled's server; "
        f"goals {MOST_MS} ms {met(first <= MOST_MS)}, {MOST_MB} MB {met(resident <= MOST_MB)}"
    )
    _record.append("catalog", figures, ["tiled"])


def imports() -> float:
    """The resident megabytes of a process that has imported Tiled's server, and nothing of ours."""
    code = "import tiled.server.app; print(open('/proc/self/statm').read().split()[1])"
    pages = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True).stdout
    return int(pages) * resource.getpagesize() / 1e6


def met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def chunks(folder: Path, rounds: int) -> None:
    """The processor time of chunks of an HDF5 and a Zarr asset, read by our adapters and by Tiled's."""
    uri = small(folder)
    for reader in ("ours", "Tiled's"):
        if reader == "Tiled's":
            from tiled_zarr.tiled.catalog import ours

            ours.FORMATS = {}
        for node in ("hdf5/image", "zarr"):
            costs = [asyncio.run(cost(uri, folder, node)) for _ in range(rounds)]
            first, again, same = (statistics.median(found) for found in zip(*costs, strict=True))
            print(f"{node}, read by {reader} adapter: first {first:.2f} ms a chunk, again {again:.3f} ms, 304 {same:.3f} ms")


def small(folder: Path) -> str:
    """The address of a catalog with an HDF5 file and a Zarr array, which is made if there is none."""
    path, files = folder / "small.db", folder / "files"
    uri = f"sqlite:///{path}"
    if path.exists():
        return uri
    from tiled.catalog import from_uri
    from tiled.client import Context, from_context
    from tiled.client.register import register
    from tiled.server.app import build_app

    image = _images.camera()[: SHAPE[0], : SHAPE[1]]
    files.mkdir(exist_ok=True)
    with h5py.File(files / "hdf5.h5", "w") as file:
        file.create_dataset("image", data=image, chunks=CHUNK, compression="gzip", compression_opts=1)
    zarr.create_array(files / "zarr.zarr", data=image, chunks=CHUNK)
    with Context.from_app(build_app(from_uri(uri, readable_storage=[str(files)], init_if_not_exists=True))) as context:
        asyncio.run(register(from_context(context), files))
    return uri


async def cost(uri: str, folder: Path, node: str) -> Iterator[float]:
    """Milliseconds of processor time of a chunk, when it is first read, again, and as a 304."""
    from tiled_zarr.app import create_app
    from tiled_zarr.resources import Resources
    from tiled_zarr.settings import Settings
    from tiled_zarr.tiled.catalog import open_catalog

    resources = Resources.of()
    root = await asyncio.to_thread(lambda: open_catalog(uri, [str(folder / "files")], resources).node)
    app = create_app(root, Settings(public=True), resources=resources)
    paths = [f"/zarr/v3/{node}/c/{y}/{x}" for y in range(SHAPE[0] // CHUNK[0]) for x in range(SHAPE[1] // CHUNK[1])]
    tags = {path: (await asked(app, path)).headers["etag"] for path in paths[:1]}
    found = []
    for headers in ({}, {}, tags):
        start = time.process_time()
        for path in paths:
            answer = await asked(app, path, headers={"if-none-match": tags[path]} if headers else {})
            tags[path] = answer.headers["etag"]
        found.append(1000 * (time.process_time() - start) / len(paths))
    return iter(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=_images.FOLDER / "catalog")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    large(options.folder, options.entries, options.rounds)
    chunks(options.folder, options.rounds)


if __name__ == "__main__":
    main()
