"""Tiled over the image, in memory and in an SQLite catalog, alone or with ours before it.

    python bench/_tiled.py           make the catalog
    python bench/_tiled.py PORT      a Tiled server over memory, and our proxy for it on PORT

As a module it has the application `app` that the variable `BENCH_TILED` names: `memory` or
`catalog`, and `front` before it if ours precedes it. The catalog holds the image three times: as a
dataset of a registered HDF5 file, as a registered Zarr array, and as Tiled's client writes it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

import _images
import _servers
import live

KEY = "secret"
NAME = "BENCH_TILED"
FOLDER = _images.FOLDER / "tiled"
DATABASE = FOLDER / "catalog.db"
EDGE = 512


def chosen(name: str) -> Any:
    """An application by its name, as in `front catalog`."""
    *before, source = name.split()
    alone = tiled(memory() if source == "memory" else catalog())
    if not before:
        return alone
    from tiled_zarr.settings import from_environment
    from tiled_zarr.tiled import front

    return front(alone, from_environment())


def tiled(tree: Any) -> Any:
    """Tiled's own application, for who has the key."""
    from tiled.config import Authentication
    from tiled.server.app import build_app

    return build_app(tree, authentication=Authentication(single_user_api_key=KEY))


def memory() -> Any:
    from tiled.adapters.array import ArrayAdapter
    from tiled.adapters.mapping import MapAdapter

    chunks = ((EDGE,) * (_images.SIDE // EDGE),) * 2
    return MapAdapter({"image": ArrayAdapter.from_array(_images.camera(), chunks=chunks)})


def catalog(*, is_new: bool = False) -> Any:
    from tiled.catalog import from_uri

    written = FOLDER / "written"
    return from_uri(f"sqlite:///{DATABASE}", writable_storage=str(written), readable_storage=[str(FOLDER)], init_if_not_exists=is_new)


def make() -> None:
    """Make the catalog if there is none."""
    if (done := FOLDER / "done").exists():
        return
    import dask.array
    import h5py
    import zarr
    from tiled.client import Context, from_context
    from tiled.client.register import register

    image, files = _images.camera(), FOLDER / "files"
    files.mkdir(parents=True)
    with h5py.File(files / "hdf5.h5", "w") as file:
        file.create_dataset("image", data=image, chunks=(EDGE, EDGE))
    zarr.create_array(files / "zarr.zarr", data=image, chunks=(EDGE, EDGE))
    with Context.from_app(tiled(catalog(is_new=True)), api_key=KEY) as context:
        client = from_context(context)
        asyncio.run(register(client, files))
        client.write_array(dask.array.from_array(image, chunks=(EDGE, EDGE)), key="written")
    done.touch()


def proxy(port: int) -> None:
    """Become our proxy for a Tiled server, which is a child: so the processor time of both counts as that of one tree."""
    behind = live.free_port()
    command = [sys.executable, _servers.BENCH / "_serve.py", "_tiled:app", "uvicorn", "1", str(behind)]
    subprocess.Popen(command, env={**os.environ, NAME: "memory"})
    address = f"http://{live.HOST}:{behind}"
    while not answers(f"{address}/healthz"):
        time.sleep(0.1)
    ours = live.cli_command(("tiled", address), "uvicorn", 1, port)
    os.execv(ours[0], ours)


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url).status == 200
    except OSError:
        return False


if __name__ == "__main__":
    if len(sys.argv) > 1:
        proxy(int(sys.argv[1]))
    else:
        make()
elif NAME in os.environ:
    app = chosen(os.environ[NAME])
