"""A shelf in Redis or Valkey: encoded chunks under keys, for servers on several machines.

    tiled-zarr:NAME          the body; expires KEEP seconds after it was put
    tiled-zarr:NAME:held     who makes it (https://redis.io/docs/latest/commands/set/#patterns)

How much is kept, and what goes first, is the server's `maxmemory` and `maxmemory-policy`. Whoever
holds a name renews its time to live while the body is made, so that a body may take longer than
LIFE seconds. If the holder dies, nobody renews it, and another process gets the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from time import monotonic

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TooSlow
from redis.lock import Lock as RedisLock
from redis.retry import Retry

from .shared import Failed

PREFIX = "tiled-zarr:"
HELD = ":held"
KEEP = 30 * 24 * 3600
"""Seconds after which a body goes, so that old revisions do not stay for ever.

With a time to live, all of the server's policies may evict it."""
LIFE = 3.0
"""Seconds that a hold lives unless it is renewed: a dead holder delays others for so long."""
TIMEOUT = 1.0
"""Seconds for one answer of the server; it takes a millisecond if it works."""


class KeyValue:
    """Bodies in the server at a `redis://` address. It connects when it is first asked.

    A hold is renewed for at most `patience` seconds, since its thread may never come back. Raises
    ValueError, and TypeError for an option that the library does not know.
    """

    kind = "redis"

    def __init__(self, address: str, patience: float = 60.0) -> None:
        # one more try: the server closes connections that were idle for long
        again = Retry(NoBackoff(), 1)
        self._client = redis.Redis.from_url(
            address, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=again, retry_on_error=[Disconnected]
        )
        pool = self._client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # not connected yet; raises TypeError
        self._patience = patience
        self._holds: set[Held] = set()
        self._is_closed = Event()
        self._renewer: Thread | None = None
        self._lock = Lock()

    def get(self, name: str) -> bytes | None:
        """The body of a name."""
        with failures():
            body = self._client.get(PREFIX + name)
            assert body is None or isinstance(body, bytes), f"expected bytes, got {type(body).__name__}"
        return body

    def hold(self, name: str) -> Held | None:
        """The key that says who makes the body; None if another has set it."""
        lock = self._client.lock(f"{PREFIX}{name}{HELD}", timeout=LIFE, thread_local=False)
        with failures():
            if not lock.acquire(blocking=False):
                return None
        held = Held(self, name, lock, monotonic() + self._patience)
        with self._lock:
            self._holds.add(held)
            if self._renewer is None:
                self._renewer = Thread(target=self._renew, name="tiled-zarr-holds", daemon=True)
                self._renewer.start()
        return held

    def close(self) -> None:
        """Stop renewing, and close all connections."""
        self._is_closed.set()
        with suppress(RedisError):
            self._client.close()

    def put(self, name: str, body: bytes) -> None:
        """Put a body. Raises Failed."""
        with failures():
            self._client.set(PREFIX + name, body, ex=KEEP)

    def let_go(self, held: Held) -> None:
        """Renew a hold no more."""
        with self._lock:
            self._holds.discard(held)

    def _renew(self) -> None:
        """Renew all holds three times in their life, as long as there are any."""
        while not self._is_closed.wait(LIFE / 3):
            with self._lock:
                holds = [held for held in self._holds if monotonic() < held.until]
                if not self._holds:
                    self._renewer = None
                    return
            for held in holds:
                with suppress(Exception):  # as in `failures`
                    held.lock.reacquire()


class Held:
    """A name that this process alone makes, until `until` (monotonic seconds) at most."""

    def __init__(self, shelf: KeyValue, name: str, lock: RedisLock, until: float) -> None:
        self.lock = lock
        self.until = until
        self._shelf = shelf
        self._name = name

    def put(self, body: bytes) -> None:
        """Put the body, and let go. Raises Failed.

        A server that did not answer is not asked again: the hold ends by itself.
        """
        try:
            self._shelf.put(self._name, body)
        except Failed as error:
            if isinstance(error.__cause__, Disconnected | TooSlow):
                self._shelf.let_go(self)
            else:
                self.leave()
            raise
        self.leave()

    def leave(self) -> None:
        """Let go. If the server does not answer, the hold ends by itself."""
        self._shelf.let_go(self)
        with suppress(Exception):  # as in `failures`
            self.lock.release()


@contextmanager
def failures() -> Iterator[None]:
    """A context in which an error of the server, or of the way to it, is one of the shelf.

    The library also raises AttributeError, UnicodeError and others: for the answers of a server
    that is no Redis, and for names of hosts that cannot be.
    """
    try:
        yield
    except Exception as error:
        raise Failed(f"{type(error).__name__}: {error}") from error
