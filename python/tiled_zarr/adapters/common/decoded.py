"""Pieces of files that are made once for all who ask, and kept in a pool of the file's resources.

A chunk or a picture that can only be decoded whole is kept for the next who asks for a part of
it; so are indexes, parsed tables and what else takes reading a file to know.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar

import numpy as np

from ... import budgets
from ...caches.recent import Recent
from .snapshot import Snapshot

Piece = TypeVar("Piece")


def piece(pool: Recent[Hashable, Piece], snapshot: Snapshot, part: Hashable, make: Callable[[], Piece], nbytes: int = 0) -> Piece:
    """The piece (read-only if it is an array) of a part of a file; `make` makes it if it is not there.

    `nbytes` is what making it takes of the memory for requests, if that is not the source's chunk.
    Raises Changed if the file has changed, and TooLarge or Busy if there is no such memory.
    """
    snapshot.check()
    return pool.get((snapshot, part), partial(_made, pool, make, nbytes))


def _made(pool: Recent[Hashable, Piece], make: Callable[[], Piece], nbytes: int) -> Piece:
    with budgets.hold(nbytes):
        pool.make_room(nbytes)  # before it is made, so that both are never in memory
        made = make()
    if isinstance(made, np.ndarray):
        made.flags.writeable = False
    return made
