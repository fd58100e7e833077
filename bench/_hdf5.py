"""A stack of images in an HDF5 file, and a simple server for it to compare ours with.

The chunks are 512 x 512 pixels, compressed with gzip. The stack has four times the bytes that our
server lets the HDF5 library cache decoded. The simple server, `app`, reads each requested chunk
with h5py and encodes it with numcodecs, in a thread: h5py has one lock for all threads. BENCH_CODEC
is `blosc` or `zlib`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import h5py
import numcodecs

import _images

FOLDER = _images.FOLDER / "hdf5"
TILES = _images.Tiles(512, planes=4)
LEVEL = 4
"""The gzip level; h5py's default."""
DATASETS = {"gzip": {"compression": LEVEL}, "shuffled": {"compression": LEVEL, "shuffle": True}}
CODECS = {"blosc": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE), "zlib": numcodecs.Zlib(LEVEL)}


def folder() -> Path:
    """The folder with the file `camera.h5`, made at the first call."""
    if not (FOLDER / "camera.h5").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        writing = FOLDER / "camera.writing"
        with h5py.File(writing, "w") as file:
            for name, filters in DATASETS.items():
                stack(file, name, filters)
        writing.rename(FOLDER / "camera.h5")
    return FOLDER


def stack(file: h5py.File, name: str, filters: dict[str, object]) -> None:
    """A dataset in which each plane is the same image, which is encoded only once."""
    shape = (TILES.planes, _images.SIDE, _images.SIDE)
    dataset = file.create_dataset(name, shape, _images.camera().dtype, chunks=(1, TILES.edge, TILES.edge), **filters)
    dataset[0] = _images.camera()
    file.flush()
    for plane, row, column in TILES.indices:
        y, x = row * TILES.edge, column * TILES.edge
        if plane:
            _, encoded = dataset.id.read_direct_chunk((0, y, x))
            dataset.id.write_direct_chunk((plane, y, x), encoded)


class Server:
    """ASGI application: GET /<dataset>/<plane>.<row>.<column>."""

    def __init__(self) -> None:
        self.file = h5py.File(FOLDER / "camera.h5")
        self.codec = CODECS[os.environ["BENCH_CODEC"]]

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        _, dataset, index = scope["path"].split("/")
        body = await asyncio.to_thread(self.chunk, dataset, tuple(map(int, index.split("."))))
        headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def chunk(self, dataset: str, index: tuple[int, ...]) -> bytes:
        return self.codec.encode(self.file[dataset][(index[0], *TILES.region(index))])


def __getattr__(name: str) -> Server:
    """`app`, made when it is first used, since that opens the file."""
    if name != "app":
        raise AttributeError(name)
    return Server()
