"""Source blocks that stay on the workers of a cluster, for the chunks that are cut from them.

A block is submitted when the first chunk in it is asked for. Chunks that are asked for meanwhile
share it. While nobody keeps it but a chunk that is waited for, it goes when the last such chunk
does: the scheduler then drops its tasks, unless they have begun. When it is computed, it is kept by
what it took (caches/cost), up to `max_bytes` of the workers' memory.

If a worker dies, the scheduler computes its blocks again, since we still hold their futures.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Any
from weakref import ReferenceType, WeakValueDictionary, finalize, ref

from ..caches.cost import Cache
from .clients import Future

LOST = ("cancelled", "error")
"""What futures say whose block has to be submitted again."""


class Held:
    """A block on a worker, or on its way there, and the bytes that it takes.

    When this object is garbage, the scheduler may drop the block.
    """

    __slots__ = ("__weakref__", "future", "nbytes", "since")

    def __init__(self, future: Future, nbytes: int) -> None:
        self.future = future
        self.nbytes = nbytes
        self.since = perf_counter()
        finalize(self, released, future).atexit = False

    @property
    def is_lost(self) -> bool:
        """Whether nothing will come of it: it failed, or the scheduler has forgotten it."""
        return self.future.status in LOST


class Blocks:
    """The blocks of a cluster by key. Thread-safe.

    Equal keys mean equal values, for all that use the cluster through this object.
    """

    def __init__(self, max_bytes: int) -> None:
        self.kept: Cache[Held] = Cache(max_bytes, lambda held: held.nbytes)
        self._coming: WeakValueDictionary[Hashable, Held] = WeakValueDictionary()
        self._lock = Lock()

    def of(self, key: Hashable, submit: Callable[[], Future], nbytes: int | None) -> Held:
        """The block of a key, submitted now if nobody holds it; `nbytes` None asks the cluster."""
        with self._lock:
            held = self.kept.peek(key) or self._coming.get(key)
            if held is not None and not held.is_lost:
                return held
            if held is not None:
                self.kept.drop(key, held)
            held = self._coming[key] = Held(fresh(submit), nbytes or 0)
        held.future.add_done_callback(partial(self._landed, key, ref(held), nbytes is None))
        return held

    def clear(self) -> None:
        """Forget all blocks, as when their scheduler has gone."""
        with self._lock:
            self.kept.clear()
            self._coming.clear()

    def _landed(self, key: Hashable, one: ReferenceType[Held], is_asked: bool, future: Future) -> None:
        """Keep a block that has just been computed, if anybody still wants it."""
        held = one()
        if held is None or future.status != "finished":
            return
        if is_asked:
            try:
                held.nbytes = next(iter(future.client.nbytes(keys=[future.key]).values()), 0)
            except (OSError, TimeoutError):  # the scheduler has gone, and the block with it
                return
        self.kept.put(key, held, perf_counter() - held.since)


def fresh(submit: Callable[[], Future]) -> Future:
    """The future that `submit()` returns, submitted again if it has failed before.

    A client releases futures in its own event loop. Until it has done so, another future of the
    same key is the old one, with its old error.
    """
    future = submit()
    if future.status not in LOST:
        return future
    client = future.client
    released(future)
    client.sync(nothing)
    return submit()


async def nothing() -> None:
    """Do nothing: when it is done, the event loop has done all that it was given before."""


def released(future: Any) -> None:
    """Tell the scheduler that nobody here wants a future any more."""
    try:
        future.release()
    except (RuntimeError, AttributeError):  # the client's loop has closed
        return
