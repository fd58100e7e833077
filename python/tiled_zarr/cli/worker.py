"""A worker process: make the application, serve it under one of three servers, end on a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..settings import Settings, SettingsError
from ..texts import unknown_files
from . import servers
from .lifespans import CannotStart, lived
from .servers import Application, Limits

if TYPE_CHECKING:
    from ..resources import Resources
    from ..tree import Tree

log = logging.getLogger(__name__)

FINISHED, CANNOT_START, UNFINISHED = 0, 1, 4
"""Exit codes of a worker, which are also those of the server (docs/deploy.md)."""
END, RETIRE = signal.SIGTERM, signal.SIGUSR1
"""Signals to a worker: end, or hand over to other workers that serve already."""
GRACE = 0.1
"""Seconds before we close idle connections at the end.

A client may be sending a request on one of them just then.
"""
LOOK = 0.02
"""Seconds between two checks whether any connection is left."""
OTHER_FILES = 1000
"""File descriptors that a worker may open besides those of its connections."""


def application(settings: Settings, workers: int, *, is_shown: bool) -> Application:
    """The application that one of `workers` processes serves with these settings.

    If `is_shown`, directories are indexed now: a progress bar shows how many files, if somebody can
    see it, a line what the tree holds, and the log how many files are of unknown kind.
    """
    from ..app import settle
    from ..assembly import create_app
    from ..tree import plant, resources_of

    if settings.tiled is not None:
        from ..tiled.config import application as deployed

        behind = deployed(settings, workers, is_shown=is_shown)
        settle()
        return behind
    resources = resources_of(settings, workers)
    tree = shown(settings, resources) if is_shown else plant(settings, resources=resources)
    made = create_app(tree.root, settings, tree.tasks, resources, tree.identify)
    settle()
    return made


def shown(settings: Settings, resources: Resources) -> Tree:
    """The tree of the settings; prints what it holds, and logs the files of unknown kind."""
    from ..tree import plant
    from .contents import contents, suffix

    unknown, files = Counter[str](), Counter[str]()

    def on_unknown(suffix: str, count: int) -> None:
        unknown[suffix] += count

    sources = {mount.source for mount in settings.trees}
    if {"directory", "remote"} & sources:
        with progress() as count:

            def on_file(path: Path) -> None:
                files[suffix(path)] += 1
                count()

            tree = plant(settings, on_file=on_file, on_unknown=on_unknown, resources=resources)
    else:
        tree = plant(settings, resources=resources)
    if unknown:
        log.warning("%s", unknown_files(unknown))
    for line in contents(tree.root, files, deep=sources <= {"file", "remote"} and len(settings.trees) == 1 and not files).lines():
        click.echo(line)
    return tree


@contextmanager
def progress() -> Iterator[Callable[[], None]]:
    """A function that counts one file in a progress bar; without a terminal it does nothing.

    The log would have the bar among its lines.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(unknown_length(), label="Indexing files", show_pos=True, update_min_steps=100, file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def unknown_length() -> Iterator[None]:
    """An iterator without a length, so that a progress bar counts and moves to and fro."""
    yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker needs: a function that makes the application, the server's name, and limits."""

    make: Callable[[], Application]
    server: str
    listener: socket.socket
    limits: Limits
    shutdown_timeout: float

    def run(self, report: Callable[[str], None]) -> int:
        """Serve until a signal ends this process; return the exit code.

        Calls `report("")` when the server accepts connections, and `report(reason)` if it cannot.
        """
        allow_files(self.limits.connections + OTHER_FILES)
        loop = asyncio.new_event_loop() if (factory := loop_factory()) is None else factory()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self.serve(self.make(), lambda: report("")))
        except (SettingsError, CannotStart, servers.CannotServe) as error:
            report(str(error))
            return CANNOT_START
        return FINISHED

    async def serve(self, application: Application, on_start: Callable[[], None]) -> None:
        """Serve until a signal says to end or to retire, then finish the requests under way."""
        door = Door(application)
        asked = Asked(self)
        async with lived(application):
            server = servers.server(self.server, door, self.listener, self.limits)
            await server.start()
            on_start()
            await asked.begin.wait()
            server.stop_accepting()
            door.close()
            end_streams(application)
            while not (server.is_idle() or asked.hurry.is_set()):  # noqa: ASYNC110 - no server has an event for it
                await asyncio.sleep(LOOK)
            await server.finish()


class Asked:
    """The signals that end a worker.

    The first signal sets `begin`; `hurry` is set when idle connections may be closed.
    """

    def __init__(self, work: Work) -> None:
        self.begin = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(END, self.end, GRACE, work.shutdown_timeout)
        loop.add_signal_handler(RETIRE, self.end, work.limits.request_timeout, work.shutdown_timeout)

    def end(self, grace: float, seconds: float) -> None:
        """Close idle connections after `grace` seconds; end the process `seconds` after that."""
        self.begin.set()
        asyncio.get_running_loop().call_later(grace, self.hurry.set)
        limit_life(grace + seconds)


class Door:
    """The application as a server sees it.

    After `close`, each answer tells its client that the connection ends.
    """

    __slots__ = ("app",)

    def __init__(self, app: Application) -> None:
        self.app = app

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Answer one request. This is no coroutine, which would add one to every request."""
        return self.app(scope, receive, send)

    def close(self) -> None:
        """From now on, ask clients to open a new connection for their next request."""
        self.app = closing(self.app)


def end_streams(application: Application) -> None:
    """End the streams of events of an application that has some, which last as their clients do."""
    getattr(application, "end_streams", lambda: None)()


def closing(app: Application) -> Application:
    """ASGI middleware that ends HTTP/1 connections after their answer."""

    def closed(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] != "http" or not scope["http_version"].startswith("1"):
            return app(scope, receive, send)

        def sending(message: Any) -> Any:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            return send(message)

        return app(scope, receive, sending)

    return closed


def limit_life(seconds: float) -> None:
    """End this process after `seconds`, even if its threads are still waiting."""
    timer = threading.Timer(seconds, os._exit, [UNFINISHED])
    timer.daemon = True
    timer.start()


def allow_files(count: int) -> None:
    """Raise the limit of open files to `count`, as far as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """A function that makes event loops of uvloop, or None if uvloop is not installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
