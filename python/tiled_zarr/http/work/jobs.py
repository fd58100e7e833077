"""Jobs that wait for a thread, and how many threads may do them at once.

Threads that each hold Python's lock for moments get in each other's way: on two processors six of them send a tenth to a third less of a
cached file than two. So there are few, and more only where those that are at work wait for something else.
"""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Jobs(Generic[Job]):
    """Jobs, the newest first, since that is what its viewer looks at now; at most `allowed` threads do them at once."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.busy = 0
        """Threads that are at work or have been called."""
        self.taken = 0
        """Jobs that have been begun."""
        self._waiting: deque[Job] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._lock = Lock()

    def put(self, job: Job) -> bool:
        """Add a job and call a thread for it; whether it has to wait because enough are at work."""
        with self._lock:
            self._waiting.append(job)
            return not self._call()

    def allow(self, count: int) -> None:
        """Have up to so many threads at work."""
        with self._lock:
            self.allowed = count
            while self._waiting and self._call():
                pass

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken yet."""
        return len(self._waiting)

    def end(self) -> None:
        """Have the threads end once no job waits."""
        self._calls.put(False)

    def is_called(self) -> bool:
        """Wait until a thread is needed; false where all are to end."""
        if self._calls.get():
            return True
        self.end()
        return False

    def take(self) -> Job | None:
        """The newest job, for a thread that has been called; None where there is none, and it is to wait for another call."""
        with self._lock:
            if self._waiting:
                self.taken += 1
                return self._waiting.pop()
            self.busy -= 1
            return None

    def _call(self) -> bool:
        if self.busy >= self.allowed:
            return False
        self.busy += 1
        self._calls.put(True)
        return True
