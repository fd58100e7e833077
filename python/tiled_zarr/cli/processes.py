"""A child process that reports when it is ready, and that ends when its parent dies."""

from __future__ import annotations

import atexit
import ctypes
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NoReturn, TypeAlias

IGNORED = (signal.SIGINT, signal.SIGHUP)
"""Signals that children ignore.

A terminal sends them to the whole process group, and the supervisor alone handles them.
"""
DEFAULT = (signal.SIGTERM, signal.SIGCHLD)
PR_SET_PDEATHSIG = 1
"""See prctl(2)."""
READY = b"\0"

Report: TypeAlias = Callable[[str], None]
Run: TypeAlias = Callable[[Report], int]
"""What a child runs. It reports "" when it is ready, or the reason why it cannot be.

It returns the child's exit code.
"""


class Child:
    """A running child, as its parent sees it."""

    def __init__(self, pid: int, reports: int) -> None:
        self.pid = pid
        self.reports = reports
        self.born = time.monotonic()
        self.text = b""
        self.kill_at: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the child has reported that it is ready."""
        return self.text.startswith(READY)

    @property
    def message(self) -> str:
        """The reason that the child reported for not being ready."""
        return self.text.removeprefix(READY).decode(errors="replace")

    @property
    def age(self) -> float:
        """Seconds since the child started."""
        return time.monotonic() - self.born

    def hear(self) -> bool:
        """Read what the child has reported; return False if it has closed its end of the pipe."""
        with suppress(BlockingIOError):
            while text := os.read(self.reports, 65536):
                self.text += text
            return False
        return True

    def end(self, how: signal.Signals, seconds: float) -> None:
        """Send a signal that ends the child, and set `kill_at`, `seconds` from now, if unset."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + seconds
        self.send(how)

    def send(self, what: signal.Signals) -> None:
        """Send a signal to a child, which may have ended already."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, what)


def start(run: Run, unwanted: Iterable[int]) -> Child:
    """Fork a child that does `run`, without the parent's file descriptors in `unwanted`.

    A fork is safe, since the parent has no threads of its own and has opened no data, and it shares
    the memory of the imported modules. We block signals meanwhile: until the child has reset the
    handlers that it inherits, they would notify the parent of signals sent to the child.
    """
    reading, writing = os.pipe()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    parent = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*IGNORED, *DEFAULT})
    pid = os.fork()
    if pid == 0:
        live(run, writing, [reading, *unwanted], parent, mask)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(writing)
    os.set_blocking(reading, False)
    return Child(pid, reading)


def live(run: Run, reports: int, unwanted: Iterable[int], parent: int, mask: set[int | signal.Signals]) -> NoReturn:
    """Run a child to its end.

    It never returns to the parent's code above, and it ends without waiting for its threads.
    """
    code = 1
    # The parent's exit handlers, wake-up descriptor and signal handlers came along with the fork.
    try:
        atexit._clear()
        for descriptor in unwanted:
            os.close(descriptor)
        signal.set_wakeup_fd(-1)
        for name in (*IGNORED, *DEFAULT):
            signal.signal(name, signal.SIG_IGN if name in IGNORED else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        die_with(parent, reports)
        code = run(lambda text: report(reports, text))
        atexit._run_exitfuncs()
    except BaseException as error:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
        report(reports, f"{type(error).__name__}: {error}")
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def report(reports: int, text: str) -> None:
    """Send a text to the parent, if the parent still reads."""
    with suppress(OSError):
        os.write(reports, text.encode(errors="replace")[:4096] or READY)


def die_with(parent: int, reports: int) -> None:
    """End this process when its parent dies, so that no orphan holds the port.

    On Linux the kernel does it, elsewhere a thread.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=end_unheard, args=(reports,), daemon=True).start()
    # The parent may have died before the kernel or the thread began to watch it.
    if os.getppid() != parent:
        os._exit(1)


def end_unheard(reports: int) -> None:
    """Wait until nobody can read this process's reports any more, then end the process."""
    poll = select.poll()
    poll.register(reports, 0)
    poll.poll()
    os._exit(1)


def described(status: int) -> str:
    """How a process ended, from its wait status.

    >>> described(9), described(256)
    ('was killed by SIGKILL', 'ended with exit code 1')
    """
    if os.WIFSIGNALED(status):
        return f"was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit code {os.waitstatus_to_exitcode(status)}"
