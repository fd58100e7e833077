"""What test_pool.py has helpers do: answer, fail, hang and crash."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from tiled_zarr.nodes import Unavailable


class Odd(Exception):
    """It can be pickled, and not unpickled."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


def echo(value: Any) -> Any:
    return value


def pid() -> int:
    return os.getpid()


def block(shape: tuple[int, ...]) -> Any:
    return np.arange(np.prod(shape)).reshape(shape).T


def fail(kind: str) -> None:
    if kind == "odd":
        raise Odd(1, 2)
    raise {"key": KeyError("x"), "os": FileNotFoundError(2, "gone"), "unavailable": Unavailable("why")}[kind]


def unpicklable() -> Any:
    return lambda: None


def wait_for(path: str) -> str:
    """Say that the call has begun, wait for a file, and say which helper did so."""
    Path(f"{path}.{os.getpid()}").touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return str(os.getpid())


def loop() -> None:
    """Loop in C, with the interpreter's lock and deaf to signal handlers, for weeks."""
    sum(range(10**13))


def crash(path: str) -> str:
    """Crash as long as there is a file, and remove it if its name says so."""
    if Path(path).exists():
        if path.endswith("once"):
            Path(path).unlink()
        os.kill(os.getpid(), signal.SIGSEGV)
    return "fine"


def allocate(nbytes: int) -> int:
    return len(bytearray(nbytes))


def descriptors() -> list[str]:
    return [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]


FUNCTIONS = {one.__name__: one for one in (echo, pid, block, fail, unpicklable, wait_for, loop, crash, allocate, descriptors)}
