"""Counts how often a test's code asks the system: files opened, folders listed, calls of `stat`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass
class Looks:
    """How often files were opened and folders listed, and `stat` or `lstat` called."""

    opened: int = 0
    listed: int = 0
    stats: int = 0


_COUNTING: list[Looks] = []
"""An audit hook cannot be taken away again, so the one of this process adds to these."""


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    for looks in _COUNTING:
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & os.O_DIRECTORY):
            looks.opened += 1
        if event == "os.scandir":
            looks.listed += 1


sys.addaudithook(_hear)


@contextmanager
def looking() -> Iterator[Looks]:
    """What is asked for inside the block, by all threads of this process."""
    looks = Looks()

    def counted(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            looks.stats += 1
            return function(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("stat", "lstat"):
            patch.setattr(os, name, counted(getattr(os, name)))
        _COUNTING.append(looks)
        try:
            yield looks
        finally:
            _COUNTING.remove(looks)
