"""Reads parts of source blocks on a cluster: blocks are computed and cut there, parts come here.

No thread waits for a part. The client has one event loop for all of them, which says when a part is
there (`Part.when_done`), and looks every LOOK seconds, while any is waited for, whether the
scheduler answers and has workers. What happens to a part::

    begun --+-- computed and cut --> done --> block(): the part comes here, its future goes
            |-- its task raises ---> done --> block() raises the same
            |-- no worker, or no answer of the scheduler, for PATIENCE --> done --> Busy
            |-- the scheduler has forgotten it (restarted) --> done --> block() begins again, once
            +-- nobody wants it: cancel(); its blocks go with the last part that wants them
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Collection, Hashable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from threading import Event, Lock, get_ident
from time import monotonic
from typing import Any, NamedTuple
from weakref import ReferenceType, WeakSet, finalize, ref

from ..nodes import Block, Busy, TooSlow
from .blocks import Blocks, Held, fresh, released
from .clients import CannotConnect, Client, Future

LOOK = 1.0
"""Seconds between two looks at the scheduler, while anything is waited for."""
PATIENCE = 3.0
"""Seconds that a part waits while there is no worker, or no answer of the scheduler.

A process that replaces a worker which was killed is there within two, and a cluster that grows on
demand sees the tasks meanwhile.
"""
ANSWER = 10.0
"""Seconds that the scheduler may take to say how many workers it has; it may be busy."""
AGAIN = 5.0
"""Seconds between two tries to reach a scheduler that has gone."""
CLOSE = 5.0
"""Seconds to say goodbye to a scheduler."""
WAIT = 0.25
"""Seconds between two checks whether the thread that waits for a part has been given up."""


class Piece(NamedTuple):
    """A part of one source block.

    `make()` returns the block as a collection of dask's with one partition; `key` names it, and
    `nbytes` are its bytes if they are known. `item` is what is cut out of it, as in `block[item]`.
    """

    key: Hashable
    make: Callable[[], Any]
    item: Any
    nbytes: int | None = None


class Cluster:
    """A scheduler and its workers, reached through a client.

    `reconnect` makes a new client if the scheduler was gone for long; None if the client is another's,
    who makes and closes it. `abandoned` has the identifiers of threads that were given up.
    """

    def __init__(
        self, client: Client, max_bytes: int, abandoned: Collection[int] = (), reconnect: Callable[[], Client] | None = None
    ) -> None:
        self.client = client
        self.name = client.scheduler.address
        self.blocks = Blocks(max_bytes)
        self.abandoned = abandoned
        self._reconnect = reconnect
        self._retry_at = 0.0
        self._pending: WeakSet[Part] = WeakSet()
        self._watched: Client | None = None
        self._lock = Lock()

    def begin(self, pieces: Sequence[Piece], finish: Callable[[list[Any]], Block]) -> Part:
        """Begin to compute some pieces; `finish` makes one block of them, in the thread that reads.

        Makes graphs of tasks, which takes milliseconds, and does not wait for them. Raises Busy if
        the scheduler does not answer.
        """
        return self._begun(pieces, finish, partial(self._begun, pieces, finish, None))

    def read(self, pieces: Sequence[Piece], finish: Callable[[list[Any]], Block]) -> Block:
        """The block that `finish` makes of some pieces. Blocks; raises what the tasks raise.

        Raises Busy if the scheduler does not answer or has no worker.
        """
        return self.begin(pieces, finish).waited()

    def close(self) -> None:
        """Close the client, if it is ours; the processes that it has started end."""
        self.blocks.clear()
        if self._reconnect is not None:
            self._reconnect = None
            with suppress(OSError, TimeoutError):  # the scheduler has gone before
                self.client.close(CLOSE)

    def watch(self, part: Part) -> None:
        """Look at the scheduler as long as a part is waited for."""
        with self._lock:
            self._pending.add(part)
            client = self.client
            if self._watched is client:
                return
            self._watched = client
        client.loop.add_callback(self._watch, client)

    def _begun(self, pieces: Sequence[Piece], finish: Callable[[list[Any]], Block], again: Callable[[], Part] | None) -> Part:
        client = self._usable()
        try:
            held = [self.blocks.of(piece.key, partial(persisted, client, piece.make), piece.nbytes) for piece in pieces]
            cut = [
                (one, fresh(partial(client.submit, operator.getitem, one.future, piece.item)))
                for one, piece in zip(held, pieces, strict=True)
            ]
        except Exception as error:
            if client.status == "running":
                raise
            raise Busy(self.silence()) from error  # it went while we sent
        return Part(self, client, cut, finish, again)

    def _usable(self) -> Client:
        """A client that has a connection; a new one if the old one has given up. Raises Busy."""
        client = self.client
        if client.status == "running":
            return client
        if client.status == "connecting" or self._reconnect is None:
            raise Busy(self.silence())
        with self._lock:
            if monotonic() < self._retry_at:
                raise Busy(self.silence())
            self._retry_at = monotonic() + AGAIN
        try:
            self.client = self._reconnect()
        except CannotConnect as error:
            raise Busy(f"{self.silence()}: {error}") from error
        self.blocks.clear()
        return self.client

    def silence(self) -> str:
        """That the scheduler does not answer, in words."""
        return f"the Dask scheduler at {self.name} does not answer; ask again later"

    async def _watch(self, client: Client) -> None:
        """Look at the scheduler until no part is waited for; end parts that wait in vain.

        Runs in the event loop of the client.
        """
        since = None
        while True:
            await asyncio.sleep(LOOK)
            with self._lock:
                waiting = [part for part in self._pending if not part.is_done]
                if self._watched is not client:
                    return
                if not waiting:
                    self._watched = None
                    return
            reason = await self._trouble(client)
            since = None if reason is None else since or monotonic() - LOOK
            if since is not None and monotonic() - since >= PATIENCE:
                for part in waiting:
                    part.fail(Busy(f"{reason}; ask again later"))

    async def _trouble(self, client: Client) -> str | None:
        """Why nothing can be computed now; None if it can."""
        try:
            workers = await asyncio.wait_for(client.scheduler.ncores(), ANSWER)
        except (OSError, TimeoutError, ValueError, RuntimeError):
            return f"the Dask scheduler at {self.name} does not answer"
        return None if workers else f"the Dask scheduler at {self.name} has no worker"


class Part:
    """A block that a cluster computes, as `nodes.Pending` has it.

    `pieces` are blocks and the futures of what is cut out of them. `again` begins it once more.
    """

    def __init__(
        self,
        cluster: Cluster,
        client: Client,
        pieces: list[tuple[Held, Future]],
        finish: Callable[[list[Any]], Block],
        again: Callable[[], Part] | None,
    ) -> None:
        self.is_done = False
        self.is_wanted = True
        self._cluster = cluster
        self._client = client
        self._held = [held for held, _ in pieces]
        self._futures = futures = [future for _, future in pieces]
        self._finish = finish
        self._again = again
        self._left = len(futures)
        self._error: Exception | None = None
        self._calls: list[Callable[[], None]] = []
        self._lock = Lock()
        self._drop = finalize(self, dropped, [*futures])
        self._drop.atexit = False
        for future in futures:  # a callback must not keep this object alive: who drops it wants nothing
            future.add_done_callback(partial(landed, ref(self)))
        if not futures:
            self.end()
        cluster.watch(self)

    def when_done(self, call: Callable[[], None]) -> None:
        """Call `call()` when `block` need not wait any more: from any thread, or now."""
        with self._lock:
            if not self.is_done:
                self._calls.append(call)
                return
        call()

    def cancel(self) -> None:
        """Let the scheduler drop what nobody else wants. May be called again."""
        self.is_wanted = False
        self._held = []
        self._drop()

    def block(self) -> Block:
        """The block, which comes here now. Blocks; raises what its tasks have raised, and Busy."""
        if self._error is not None:
            raise self._error
        try:
            return self._finish(self._gathered())
        except CancelledError as error:
            if self._again is None or not self.is_wanted:
                raise Busy(self._cluster.silence()) from error
        finally:
            self.cancel()
        return self._again().waited()

    def waited(self) -> Block:
        """The block, when it is done. Blocks; raises as `block` does, and TooSlow."""
        done = Event()
        self.when_done(done.set)
        while not done.wait(WAIT):
            if get_ident() in self._cluster.abandoned:
                self.cancel()
                raise TooSlow("nobody waits for this part any more")
        return self.block()

    def landed(self, future: Future) -> None:
        """Note that a piece is done; one that failed ends all."""
        with self._lock:
            self._left -= 1
            is_last = self._left <= 0 or future.status != "finished"
        if is_last:
            self.end()

    def fail(self, error: Exception) -> None:
        """End it with an error, unless it has ended."""
        if not self.is_done:
            self._error = error
            self.cancel()
            self.end()

    def end(self) -> None:
        """Call all that wait for the end."""
        with self._lock:
            self.is_done = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def _gathered(self) -> list[Any]:
        """The pieces, which come here now. Raises what their tasks have raised, and Busy."""
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            values: list[Any] = self._client.gather(self._futures)
        except KilledWorker as error:
            raise Busy(f"workers of the Dask scheduler at {self._cluster.name} died of these tasks; ask again later ({error})") from error
        except CommClosedError as error:
            raise Busy(self._cluster.silence()) from error
        return values


def landed(one: ReferenceType[Part], future: Future) -> None:
    """Note that a piece is done, if anybody still wants its part."""
    part = one()
    if part is not None:
        part.landed(future)


def dropped(futures: Sequence[Future]) -> None:
    """Tell the scheduler that nobody here wants these futures any more."""
    for future in futures:
        released(future)


def persisted(client: Client, make: Callable[[], Any]) -> Future:
    """The future of a collection with one partition, which then stays on its worker.

    Its key is that of the collection, so servers that share the scheduler share the block.
    """
    from distributed import futures_of

    (future,) = futures_of(client.persist(make()))  # type: ignore[no-untyped-call]  # it is typed in part
    return future
