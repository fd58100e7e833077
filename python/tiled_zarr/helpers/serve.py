"""The main loop of a helper process: it takes calls of the functions in one module's FUNCTIONS and replies, until the server is gone."""

from __future__ import annotations

import fcntl
import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

from .memory import data_bytes
from .messages import portable, receive, send

Functions: TypeAlias = Mapping[str, Callable[..., Any]]
Reply: TypeAlias = tuple[bool, Any]
"""True and what a function returned, or False and what it raised."""

IDLE_SECONDS = 30.0
MOST_DATA = 2 * 1024**3
"""Bytes of memory that a helper may have of its own: a damaged file that asks for more gets an error, not the machine's memory."""

MOST_KEPT = 320 * 1024**2
"""Bytes that a helper may still have after a call; with more it ends, and another one is started. A warm one has 61 MiB and two chunk
caches of 32 MiB.

The HDF5 library kept 200 MiB after each chunk that it could not inflate for want of memory (measured 2026-11-26).
"""


def main() -> None:
    """Serve on the socket whose descriptor is the last argument the module that is named before it."""
    _, _, module, descriptor = sys.argv
    outlive_nobody()
    limit_resources()
    functions = import_module(module)
    os.chdir("/")  # the HDF5 library looks there for files that are missing where a link leads
    with socket.socket(fileno=int(descriptor)) as connection:
        try:
            send(connection, os.getpid())
            serve(connection, functions.FUNCTIONS, getattr(functions, "idle", None))
        except (EOFError, ConnectionError):
            pass
    os._exit(0)  # without the library's own clean-up, which may hang as well


def outlive_nobody() -> None:
    """Leave the ending to the server: ignore signals that are meant for it, die when its end of our standard input closes.

    The kernel sends SIGIO then, which kills: Python code, or a signal handler of its, would never run inside of a C library that loops.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lifeline = sys.stdin.fileno()
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def limit_resources() -> None:
    """Bound memory, and write no core: crashes are expected here."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MOST_DATA if most == resource.RLIM_INFINITY else min(most, MOST_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def serve(connection: socket.socket, functions: Functions, idle: Callable[[], None] | None) -> None:
    """Answer calls one after the other; `idle` is called when none has come for IDLE_SECONDS.

    Raises EOFError in the end; returns when too much memory is not given back.
    """
    while True:
        if idle is not None and not _is_readable(connection, IDLE_SECONDS):
            idle()
        name, arguments = receive(connection)
        ok, value = answer(functions[name], arguments)
        try:
            send(connection, (ok, value))
        except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
            send(connection, (False, TypeError(f"what {name!r} found cannot be told: {error}")))
        del arguments, value
        if data_bytes() > MOST_KEPT:
            return


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Reply:
    """What to reply to a call."""
    try:
        return True, function(*arguments)
    except Exception as error:  # noqa: BLE001 - raised again in the server
        return False, portable(error)


def _is_readable(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    return True
