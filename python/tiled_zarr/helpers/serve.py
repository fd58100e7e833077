"""The main loop of a helper: it runs the functions of one module until the server has gone.

The module lists them by name in FUNCTIONS.
"""

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
"""True and what a function returned, or False and the exception that it raised."""

IDLE_SECONDS = 30.0
"""Seconds without a call after which the module's `idle` runs."""
MOST_DATA = 2 * 1024**3
"""Bytes of memory that a helper may allocate.

A damaged file that asks for more gets an error and cannot exhaust the machine's memory.
"""

MOST_KEPT = 320 * 1024**2
"""Bytes that a helper may still hold after a call; with more it ends, and the pool starts another.

A warm helper has 61 MiB, and two chunk caches of 32 MiB. The HDF5 library kept 200 MiB after each
chunk that it could not inflate for lack of memory (measured 2026-11-26).
"""


def main() -> None:
    """Serve a module on a socket.

    The last two arguments are the name of the module and the descriptor of the socket.
    """
    _, _, module, descriptor = sys.argv
    outlive_nobody()
    limit_resources()
    functions = import_module(module)
    os.chdir("/")  # the HDF5 library looks in the current folder too for files that links name
    with socket.socket(fileno=int(descriptor)) as connection:
        try:
            send(connection, os.getpid())
            serve(connection, functions.FUNCTIONS, getattr(functions, "idle", None))
        except (EOFError, ConnectionError):
            pass
    os._exit(0)  # skip the library's own clean-up, which may hang


def outlive_nobody() -> None:
    """Ignore signals that are meant for the server, and die when it closes our standard input.

    The kernel then sends SIGIO, whose default action kills the process. Python code, a signal
    handler included, would never run while a C library loops.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lifeline = sys.stdin.fileno()
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def limit_resources() -> None:
    """Limit memory, and write no core dumps, since we expect crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MOST_DATA if most == resource.RLIM_INFINITY else min(most, MOST_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def serve(connection: socket.socket, functions: Functions, idle: Callable[[], None] | None) -> None:
    """Answer calls one after the other; call `idle` after IDLE_SECONDS without one.

    Returns if this process still holds more than MOST_KEPT bytes after a call. Raises EOFError when
    the server closes the connection.
    """
    while True:
        if idle is not None and not _is_readable(connection, IDLE_SECONDS):
            idle()
        name, arguments = receive(connection)
        ok, value = answer(functions[name], arguments)
        try:
            send(connection, (ok, value))
        except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
            send(connection, (False, TypeError(f"what {name!r} found cannot be sent: {error}")))
        del arguments, value
        if data_bytes() > MOST_KEPT:
            return


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Reply:
    """The reply to a call."""
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
