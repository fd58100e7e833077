"""Pieces of files that are made once for all requests, and kept in a pool of the file's resources.

We keep a chunk or a picture that can only be decoded whole for later requests for its other parts.
We also keep indexes, parsed tables and whatever else we learn by reading a file.
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
    """A part of a file as `make` makes it, from the pool if it is there; an array is read-only.

    `nbytes` is the share of the memory for requests that making it takes, if that is not the
    source's chunk. Raises Changed if the file has changed, and TooLarge or Busy if there is no such
    memory.
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
