"""What all pyramids of a server share: caches, finished planes, a thread, and how tiles are made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ... import codecs
from ...budgets import Budget
from ...caches.cost import Cache
from ...nodes import Array
from ...resources import Resources
from .background import Background
from .looks import Look
from .planes import Planes

Block: TypeAlias = np.ndarray[Any, Any]

LOOKS = 4 * 1024 * 1024
"""Bytes that the cache of looks may take.

They hold the windows of 6,000 images with one channel, or of seven with the most channels (2,048).
"""
LOOK = 300
"""Bytes that we count for a look without its windows."""
WINDOW = 250
"""Bytes that we count for the window of a channel."""


def nothing_baked(_: str, __: Array) -> Mapping[int, Array]:
    """No levels that were written in advance."""
    return {}


def looks_of(abandoned: Collection[int] = ()) -> Cache[Look]:
    """A cache for what samples of images show; `abandoned` as in Flights."""
    return Cache(LOOKS, lambda look: LOOK + WINDOW * len(look.windows), abandoned=abandoned)


Baked: TypeAlias = Callable[[str, Array], Mapping[int, Array]]
"""The levels by number that were written in advance from an image as it is now, by its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What all pyramids of a server share. Sizes are in bytes.

    `memory` bounds what we may decode of all sources at once. `budget` is how much of one source we
    read for a tile if neither the node nor the caller says otherwise. An image in memory of at most
    `eager` bytes gets all its levels without a request. `looks` caches what samples of images show.
    Row indexes lie in `resources`, or in those of the process if it is None. `baked` finds levels
    that were written in advance. Tiles are sent with `codec` if neither the node nor a group above
    it says otherwise. `instance` names servers that are replicas.
    """

    tiles: Cache[Block]
    planes: Planes
    background: Background
    memory: Budget
    budget: int = 64 * 1024 * 1024
    codec: str = codecs.DEFAULT
    instance: str | None = None
    eager: int = 1024**3
    looks: Cache[Look] = field(default_factory=looks_of)
    resources: Resources | None = None
    baked: Baked = nothing_baked
