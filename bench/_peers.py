"""Other Zarr servers, each in its own Python environment.

The environments are build/bench/envs/<module>, made from peers/<module>.txt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import _images
import _servers
import _stores
from clients.envs import Environment
from peers import nginx

FOLDER = _images.FOLDER / "envs"


class LeftOut(Exception):
    """A peer cannot run on this machine; the text is the reason."""


@dataclass(frozen=True)
class Peer:
    """An ASGI application `app` in peers/<module>.py that serves the image under `base`."""

    name: str
    module: str
    base: str
    separator: str = "/"
    oldest_python: tuple[int, int] = (3, 11)
    env: Mapping[str, str] = field(default_factory=dict)

    def program(self, server: str, tiles: _images.Tiles) -> _servers.Program:
        """The peer under a server. Raises LeftOut if its environment cannot be made."""
        env = {"BENCH_TILE": str(tiles.edge), **self.env}
        paths = tiles.paths(self.base, self.separator)
        python = interpreter(self.module, self.oldest_python)
        return replace(_servers.asgi(self.name, f"peers.{self.module}:app", server, paths, env=env, python=python), is_guest=True)


TILED = Peer("Tiled", "tiled", "/zarr/v2/image/", ".")
XPUBLISH = Peer("xpublish-zarr", "xpublish_zarr", "/datasets/image/zarr/image/c/")
CHUNKMIRAGE = Peer("chunkmirage", "chunkmirage", "/image/zarr/s0/", env={"BENCH_CODEC": "zstd"})
CHUNKMIRAGE_LZ4 = Peer("chunkmirage, lz4", "chunkmirage", "/image/zarr/s0/", env={"BENCH_CODEC": "lz4"})
STORED = Peer("zarr-http-server, disk", "zarr_http_server", "/image/c/", oldest_python=(3, 12), env={"BENCH_STORE": "disk"})
STORED_IN_MEMORY = Peer("zarr-http-server, memory", "zarr_http_server", "/image/c/", oldest_python=(3, 12), env={"BENCH_STORE": "memory"})
ALL = (TILED, XPUBLISH, CHUNKMIRAGE, CHUNKMIRAGE_LZ4, STORED, STORED_IN_MEMORY)
NGINX = "nginx"


def nginx_program(tiles: _images.Tiles, folder: Path) -> _servers.Program:
    """nginx over the stored image. Raises LeftOut if it is not installed."""
    try:
        nginx.executable()
    except FileNotFoundError as error:
        raise LeftOut(str(error)) from error
    return _servers.Program(NGINX, lambda port: nginx.command(_stores.folder(tiles), folder, port), tiles.paths("/image/c/"))


@cache
def interpreter(module: str, oldest: tuple[int, int]) -> Path:
    """The Python of a peer's environment, which is made if it is missing.

    Raises LeftOut if that needs a Python version that is not installed.
    """
    environment = Environment(FOLDER / module, _servers.BENCH / "peers" / f"{module}.txt", oldest)
    said = environment.make()
    if not environment.is_fresh:
        raise LeftOut(said)
    return environment.python
