"""One helper process, as the server sees it.

The helper is a new Python process. It is not a fork, since the server has threads, and does not use
multiprocessing, which would run the server's main module again. It has two descriptors: one end of
a socket pair for calls and replies, and, as its standard input, the read end of a pipe to which
nobody writes. When the last write end closes, the kernel signals the helper (serve.py), so the
helper dies with its server even if it is looping inside a C library. Linux's PR_SET_PDEATHSIG would
do so when the *thread* that started the helper ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from threading import Thread
from types import MappingProxyType
from typing import Any

from .messages import receive, send

BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from tiled_zarr.helpers.serve import main; main()"
ENVIRONMENT = MappingProxyType({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"})
"""Limits to one thread and one memory arena: a helper runs one call at a time."""
START_SECONDS = 60
"""Seconds that a helper has to start.

It needs 0.2 s (measured 2026-11-26, two cores); a machine that swaps may need more.
"""
END_SECONDS = 1
"""Seconds that we wait for the exit code of a helper that has closed its connection."""


class Late(Exception):
    """The helper did not answer in time; it is being killed."""


class Died(Exception):
    """The helper ended during a call; the text says how."""


class Process:
    """A running helper that serves the functions of one module, to one thread at a time.

    Raises TimeoutError if the helper does not start.
    """

    def __init__(self, module: str) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, "-I", "-c", BOOT, json.dumps(sys.path), module, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
                env={**os.environ, **ENVIRONMENT},
            )
        try:
            receive(self._connection, time.monotonic() + START_SECONDS)
        except (EOFError, OSError) as error:
            how = self._ending()
            self.end()
            raise TimeoutError(f"a helper process did not start ({how}); the log may say why") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def ask(self, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        """What a function of the module returns or raises.

        Raises Late or Died; the helper has ended then.
        """
        deadline = time.monotonic() + seconds
        try:
            send(self._connection, (name, arguments), deadline)
            is_answer, value = receive(self._connection, deadline)
        except TimeoutError:
            self.end()
            raise Late from None
        except (EOFError, ConnectionError):
            how = self._ending()
            self.end()
            raise Died(how) from None
        if is_answer:
            return value
        raise value

    def end(self) -> None:
        """Kill the helper without waiting for its end.

        A process inside a disk access that never returns cannot be killed.
        """
        self.kill()
        self.let_go()
        Thread(target=self._process.wait, name="tiled-zarr-reaper", daemon=True).start()

    def kill(self) -> None:
        """Kill the helper; a call under way raises Died."""
        self._process.kill()

    def abandon(self) -> None:
        """Leave the helper to the process that we were forked from, whose child it is."""
        self.let_go()
        self._process.returncode = 0

    def let_go(self) -> None:
        """Close our ends of the helper's descriptors; it lives while any process has them open."""
        self._connection.close()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _ending(self) -> str:
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
