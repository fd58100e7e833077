"""Running an application under one of three servers, in this process or in several workers."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from ..settings import Settings

if TYPE_CHECKING:
    from hypercorn.config import Config

APPLICATION = "tiled_zarr.app:app"
"""What workers import."""
BACKLOG = 1024
MANY = 10**9

Application: TypeAlias = Any
"""An ASGI application, or the name under which workers import one."""
Runner: TypeAlias = Callable[[Application, socket.socket, int], None]


class CannotServe(Exception):
    """The server cannot start; the text says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 becomes a free one. Raises CannotServe."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotServe(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port, or 0 for a free one") from error
    return listener


def application(settings: Settings) -> Application:
    """The application for this very process, its directories indexed behind a progress bar."""
    from ..app import create_app, settle
    from ..tree import plant

    if any(mount.source == "directory" for mount in settings.trees):
        with click.progressbar(unknown_length(), label="Indexing files", show_pos=True, update_min_steps=100, file=sys.stderr) as bar:
            tree = plant(settings, on_file=lambda _: bar.update(1))
    else:
        tree = plant(settings)
    made = create_app(tree.root, settings, tree.tasks)
    settle()
    return made


def unknown_length() -> Iterator[None]:
    """What a progress bar cannot see the end of: then it counts, and moves to and fro."""
    yield from ()


def run_hypercorn(served: Application, listener: socket.socket, workers: int) -> None:
    """Serve under hypercorn, which speaks HTTP/1.1 and HTTP/2."""
    configuration = hypercorn_config(listener)
    if isinstance(served, str):
        from hypercorn.run import run

        configuration.application_path, configuration.workers = served, workers
        configuration.worker_class = "uvloop" if loop_factory() else "asyncio"
        if run(configuration):
            raise CannotServe("a worker failed; what it said stands above")
    else:
        from hypercorn.asyncio import serve

        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(served, configuration))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loops of uvloop where it is installed, which uvicorn takes by itself."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def hypercorn_config(listener: socket.socket) -> Config:
    """A configuration that leaves connections open: its default ends them after 1000 requests, HTTP/2 streams under way included."""
    from hypercorn.config import Config

    configuration = Config()
    configuration.bind = [f"fd://{listener.detach()}"]
    configuration.backlog = BACKLOG
    configuration.keep_alive_max_requests = MANY
    configuration.h2_max_concurrent_streams = 256
    configuration.include_server_header = False
    configuration.loglevel = "WARNING"
    return configuration


def run_uvicorn(served: Application, listener: socket.socket, workers: int) -> None:
    """Serve under uvicorn, on uvloop and httptools where they are installed."""
    uvicorn = imported("uvicorn")
    options = {"log_level": "warning", "access_log": False, "server_header": False, "backlog": BACKLOG}
    if isinstance(served, str):
        uvicorn.run(served, workers=workers, **address(listener), **options)
    else:
        uvicorn.Server(uvicorn.Config(served, **options)).run(sockets=[listener])


def run_granian(served: Application, listener: socket.socket, workers: int) -> None:
    """Serve under granian, whose workers are always processes of their own."""
    granian = imported("granian")
    where = address(listener)
    granian.Granian(served, where["host"], where["port"], workers=workers, interface="asgi", backlog=BACKLOG).serve()


def address(listener: socket.socket) -> dict[str, Any]:
    """Where a socket listened; it is closed for a server that opens its own."""
    host, port = listener.getsockname()[:2]
    listener.close()
    return {"host": host, "port": port}


def imported(name: str) -> Any:
    """A server's package. Raises CannotServe where it is not installed."""
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        extra = "'tiled-zarr[fast]'" if name == "uvicorn" else name
        raise CannotServe(f"{name} is not installed: pip install {extra}, or serve with --server hypercorn") from error


RUNNERS: Mapping[str, Runner] = {"hypercorn": run_hypercorn, "uvicorn": run_uvicorn, "granian": run_granian}
IN_PROCESS = frozenset({"hypercorn", "uvicorn"})
"""The servers whose single worker is this process."""
