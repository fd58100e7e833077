"""Run as a user who may not read everything, even if the tests run as root.

The rights that root has beyond others are capabilities: without two of them, root is bound by
permissions like anybody else. A thread can drop them and take them up again, and threads that it
starts inherit its state. A process that is started without them can never get them back.
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
    """A block in which this thread, and those that it starts, are bound by permissions.

    Skips the test if that is impossible. `probe` is a folder of this test: we make a closed folder
    in it to see whether it works.
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
    """For `preexec_fn`: binds a new process to permissions for ever, before its program starts."""
    library = ctypes.CDLL(None)

    def give_up() -> None:
        library.prctl(PR_CAPBSET_DROP, DAC_OVERRIDE, 0, 0, 0)
        library.prctl(PR_CAPBSET_DROP, DAC_READ_SEARCH, 0, 0, 0)

    return give_up


def close(path: Path, mode: int = 0) -> None:
    """Take away permissions of a path.

    If we are root, we give the path to another user, since an owner can open it again.
    """
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
