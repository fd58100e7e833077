"""Being a user who may not read everything, also where the tests run as root.

What root may do beyond others are capabilities: without two of them it is bound by rights like anybody else. A thread can lay them down
and take them up again, and threads that it starts have what it has; a process that is started without them can never get them.
https://man7.org/linux/man-pages/man7/capabilities.7.html
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2
VERSION_3 = 0x20080522
PR_CAPBSET_DROP = 24
OTHER_USER = 65_533


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


@contextmanager
def unprivileged(probe: Path) -> Iterator[None]:
    """Inside the block this thread, and those that it starts, are bound by rights. Skips the test where that cannot be had.

    `probe` is a folder of this test, in which a closed one is made to see whether it works.
    """
    closed = probe / "closed to this test"
    closed.mkdir(mode=0)
    had = _effective()
    _set_effective(had & ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH))
    try:
        if os.access(closed, os.R_OK, effective_ids=True):
            pytest.skip("this user reads what is closed to it, and cannot lay that right down")
        closed.rmdir()
        yield
    finally:
        _set_effective(had)


def for_good() -> Callable[[], None]:
    """What a new process calls before it becomes a program (`preexec_fn`), to be bound by rights for ever."""
    library = ctypes.CDLL(None)

    def give_up() -> None:
        library.prctl(PR_CAPBSET_DROP, DAC_OVERRIDE, 0, 0, 0)
        library.prctl(PR_CAPBSET_DROP, DAC_READ_SEARCH, 0, 0, 0)

    return give_up


def close(path: Path, mode: int = 0) -> None:
    """Take rights away from a path; as root it is given to another user, since what is one's own can be opened again."""
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, OTHER_USER, OTHER_USER)


def _effective() -> int:
    sets = (_Sets * 2)()
    _call("capget", sets)
    return int(sets[0].effective)


def _set_effective(wanted: int) -> None:
    sets = (_Sets * 2)()
    _call("capget", sets)
    sets[0].effective = wanted & sets[0].permitted
    _call("capset", sets)


def _call(name: str, sets: ctypes.Array[_Sets]) -> None:
    if getattr(ctypes.CDLL(None), name)(ctypes.byref(_Header(VERSION_3, 0)), sets):
        raise OSError(f"{name} failed")
