"""A small process that keeps workers running.

Each of N *slots* holds one worker process. When a worker dies, the supervisor starts another: at
once if the first had served for a while, else after a delay that doubles. The slots of one set of
settings are a *crew*. SIGHUP reads the settings again and starts a second crew. When all workers of
the second crew serve, the first crew retires; if one of them cannot start, the second crew ends. So
there are three states:

    starting   the first crew is not complete; if a worker fails, all end with its message
    running    the crew serves; a second one may be starting
    stopping   SIGTERM or SIGINT: workers end, and those that do not in time are killed

The supervisor opens no data and has no threads: it waits in `select` for signals and for the
reports of its workers.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from . import processes
from .processes import Child, Run, described

FINISHED, CANNOT_START, KEEP_DYING, UNFINISHED, INTERRUPTED = 0, 1, 3, 4, 5
"""Exit codes (docs/deploy.md); 2 means wrong usage."""
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
STEADY = 10.0
"""A worker that dies after this many seconds is replaced without delay."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds until a worker that died early is replaced: at the second death in a row, and at most."""
ATTEMPTS = 8
"""Failed starts in a row after which we give up: about a minute with the delays above."""
MARGIN = 1.0
"""Seconds after which a worker is killed that has not ended itself in the time it was given."""


class CannotStart(Exception):
    """No worker can start with these settings; the text is the reason."""


@dataclass(eq=False)
class Slot:
    """Holds one worker, or none until the next one starts."""

    child: Child | None = None
    early_deaths: int = 0
    failed_starts: int = 0
    restart_at: float | None = None

    def bury(self) -> None:
        """Remove a worker that has died, and decide when the next one starts."""
        assert self.child is not None
        self.early_deaths = 0 if self.child.is_ready and self.child.age >= STEADY else self.early_deaths + 1
        self.failed_starts = 0 if self.child.is_ready else self.failed_starts + 1
        delay = min(FIRST_DELAY * 2 ** (self.early_deaths - 2), LONGEST_DELAY) if self.early_deaths > 1 else 0.0
        self.child, self.restart_at = None, time.monotonic() + delay


@dataclass(eq=False)
class Crew:
    """The workers of one set of settings.

    A worker has `seconds` to end, and `handover` more to retire. The argument of `run` says whether
    other workers of this crew live, since a new one must share their revisions.
    """

    run: Callable[[bool], Run]
    seconds: float
    handover: float
    slots: list[Slot] = field(default_factory=list)

    def children(self) -> list[Child]:
        """The workers that live."""
        return [slot.child for slot in self.slots if slot.child is not None]

    @property
    def is_complete(self) -> bool:
        """Whether a worker serves in every slot."""
        return all(slot.child is not None and slot.child.is_ready for slot in self.slots)


class Supervisor:
    """Runs `count` workers of the crew that `make` returns.

    `make` and the crew's `run` may raise CannotStart. At the first start that ends the supervisor;
    at a reload it is logged, and the old crew goes on.
    """

    def __init__(self, make: Callable[[], Crew], count: int, listener: socket.socket, say: Callable[[str], None]) -> None:
        self.make = make
        self.count = count
        self.listener = listener
        self.say = say
        self.crew = Crew(run=lambda _: lambda _: 0, seconds=0, handover=0)
        self.coming: Crew | None = None
        self.leaving: list[Child] = []
        self.has_started = False
        self.is_stopping = False
        self.is_reload_due = False
        self.stop_code = FINISHED
        self.code: int | None = None
        self.own: list[int] = []
        self.selector = selectors.DefaultSelector()
        self.has_terminal = has_terminal()

    def run(self, on_start: Callable[[], None]) -> int:
        """Start, call `on_start` when all workers serve, and run until the end; the exit code."""
        self.on_start = on_start
        with heard_signals() as (hearing, speaking):
            self.own = [hearing, speaking, self.selector.fileno()]
            self.selector.register(hearing, selectors.EVENT_READ)
            try:
                self.man(self.make())
                while self.code is None:
                    self.turn(hearing)
            finally:
                self.kill_all()
                self.selector.close()
        return self.code

    def turn(self, hearing: int) -> None:
        """Wait for the next event or deadline, and handle it."""
        happened = [key for key, _ in self.selector.select(self.patience())]
        for key in happened:
            if key.data is not None and not key.data.hear():
                self.selector.unregister(key.fd)
        if any(key.fd == hearing for key in happened):
            for number in os.read(hearing, 4096):
                self.on_signal(signal.Signals(number))
        self.reap()
        self.settle()

    def patience(self) -> float | None:
        """Seconds until the next deadline; None if there is none."""
        due = [child.kill_at for child in self.children() if child.kill_at is not None]
        due += [slot.restart_at for slot in self.crew.slots if slot.restart_at is not None and not self.is_stopping]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def children(self) -> list[Child]:
        """All workers that live."""
        return [*self.crew.children(), *(self.coming.children() if self.coming else ()), *self.leaving]

    def man(self, crew: Crew) -> None:
        """Start a worker in each slot of a new crew. Raises CannotStart."""
        self.coming = crew
        for _ in range(self.count):
            slot = Slot()
            crew.slots.append(slot)
            self.fill(crew, slot)

    def fill(self, crew: Crew, slot: Slot) -> None:
        """Start a worker in a slot; try again later if this machine cannot start a process.

        Raises CannotStart if that happens to a crew that does not serve yet.
        """
        unwanted = [*self.own, *(child.reports for child in self.children())]
        slot.restart_at = None
        try:
            slot.child = processes.start(crew.run(bool(crew.children())), unwanted)
        except OSError as error:
            if crew is not self.crew:
                raise CannotStart(f"cannot start a process: {error.strerror}") from error
            slot.restart_at = time.monotonic() + LONGEST_DELAY
            self.say(f"cannot start a worker: {error.strerror}; will try again in {LONGEST_DELAY:.0f} s")
        else:
            self.selector.register(slot.child.reports, selectors.EVENT_READ, slot.child)

    def on_signal(self, name: signal.Signals) -> None:
        """SIGTERM and SIGINT stop, at once the second time; SIGHUP reloads.

        A SIGHUP because the terminal was closed stops too.
        """
        if name in {signal.SIGTERM, signal.SIGINT}:
            self.stop(name)
        elif name is signal.SIGHUP and not self.is_stopping:
            if self.has_terminal and not has_terminal():
                self.stop(name)
            else:
                self.is_reload_due = True

    def stop(self, name: signal.Signals) -> None:
        """Ask all workers to end; the second time, end at once."""
        if self.is_stopping:
            self.say(f"{name.name} again: ending at once")
            self.code = INTERRUPTED
            return
        self.is_stopping = True
        self.listener.close()
        seconds = max(self.crew.seconds, self.coming.seconds if self.coming else 0.0) + MARGIN
        for child in self.children():
            child.kill_at = None
            child.end(signal.SIGTERM, seconds)

    def reload(self) -> None:
        """Start a second crew with new settings; if one is starting already, give that up first."""
        if self.coming is not None:
            self.give_up("another SIGHUP")
        try:
            self.man(self.make())
        except CannotStart as error:
            self.give_up(str(error))

    def give_up(self, reason: str) -> None:
        """End a second crew; those of its workers that serve already retire."""
        self.say(f"SIGHUP: the workers keep the old settings: {reason}")
        if self.coming is not None:
            self.retire(self.coming)
            self.coming = None

    def retire(self, crew: Crew) -> None:
        """Ask workers that serve to hand over to others, and kill those that do not serve yet."""
        for child in crew.children():
            self.leaving.append(child)
            child.end(signal.SIGUSR1 if child.is_ready else signal.SIGKILL, crew.handover + crew.seconds + MARGIN)

    def reap(self) -> None:
        """Collect every child process that has ended.

        If we are process 1, these include orphans of other processes.
        """
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                for child in self.children():
                    if child.pid == pid:
                        self.on_end(child, status)

    def on_end(self, child: Child, status: int) -> None:
        """Handle a worker that has ended, on request or not."""
        if child.reports in self.selector.get_map():
            child.hear()
            self.selector.unregister(child.reports)
        os.close(child.reports)
        reason = child.message or described(status)
        if child in self.leaving:
            self.leaving.remove(child)
            self.note_unfinished(child, status)
            return
        crew = self.coming if self.coming is not None and child in self.coming.children() else self.crew
        [slot] = [slot for slot in crew.slots if slot.child is child]
        if self.is_stopping:
            slot.child = None
            self.note_unfinished(child, status)
        elif crew is self.coming:
            slot.child = None
            self.on_failed_start(child, reason)
        else:
            self.on_death(slot, child, reason)

    def note_unfinished(self, child: Child, status: int) -> None:
        """Log a worker that was asked to finish and failed to."""
        if child.is_ready and status != 0:
            self.say(f"worker {child.pid} did not answer all its requests in time: it {described(status)}")
            self.stop_code = UNFINISHED

    def on_failed_start(self, child: Child, reason: str) -> None:
        """Handle a worker of a new crew that has ended.

        It ends the supervisor if this is the first crew (raises CannotStart), else it ends the new
        crew.
        """
        if self.has_started:
            self.give_up(f"worker {child.pid}: {reason}")
        elif child.message:
            raise CannotStart(reason)
        else:
            raise CannotStart(f"worker {child.pid} {reason} before it could serve")

    def on_death(self, slot: Slot, child: Child, reason: str) -> None:
        """Replace a worker that has died.

        Give up instead if ATTEMPTS starts in a row have failed and no worker serves.
        """
        slot.bury()
        is_hopeless = slot.failed_starts >= ATTEMPTS and not any(child.is_ready for child in self.crew.children())
        if is_hopeless:
            self.say(f"worker {child.pid}: {reason}; {ATTEMPTS} starts in a row have failed: giving up")
            self.code = KEEP_DYING
        else:
            delay = max(0.0, (slot.restart_at or 0.0) - time.monotonic())
            self.say(f"worker {child.pid}: {reason}; another starts" + (f" in {delay:.1f} s" if delay >= 0.1 else ""))

    def settle(self) -> None:
        """Do what is due: start or kill workers, exchange crews, reload; end if none is left."""
        now = time.monotonic()
        for child in self.children():
            if child.kill_at is not None and child.kill_at <= now:
                # It may be in a disk access that SIGKILL cannot end; then we send it again later.
                child.send(signal.SIGKILL)
                child.kill_at = now + MARGIN
        if self.is_stopping:
            self.code = self.code if self.children() else self.stop_code
            return
        for slot in self.crew.slots:
            if slot.restart_at is not None and slot.restart_at <= now:
                self.fill(self.crew, slot)
        if self.coming is not None and self.coming.is_complete:
            self.exchange(self.coming)
        if self.is_reload_due and self.has_started:
            self.is_reload_due = False
            self.reload()

    def exchange(self, coming: Crew) -> None:
        """Replace the first crew by the second one."""
        if self.has_started:
            pids = ", ".join(str(child.pid) for child in coming.children())
            self.say(f"SIGHUP: workers {pids} serve with the new settings")
        else:
            self.has_started = True
            self.on_start()
        self.retire(self.crew)
        self.crew, self.coming = coming, None

    def kill_all(self) -> None:
        """Kill all workers, and wait for them."""
        for child in self.children():
            child.send(signal.SIGKILL)
        for child in self.children():
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


@contextmanager
def heard_signals() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe to which the numbers of signals are written as they arrive.

    SIGHUP stays ignored if it is ignored already (nohup).
    """
    hearing, speaking = os.pipe()
    for end in (hearing, speaking):
        os.set_blocking(end, False)
    wanted = [name for name in HEARD if not (name is signal.SIGHUP and signal.getsignal(name) is signal.SIG_IGN)]
    before = {name: signal.signal(name, noticed) for name in wanted}
    known = signal.set_wakeup_fd(speaking, warn_on_full_buffer=False)
    try:
        yield hearing, speaking
    finally:
        signal.set_wakeup_fd(known)
        for name, handler in before.items():
            signal.signal(name, handler)
        os.close(hearing)
        os.close(speaking)


def noticed(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal's number is in the pipe."""


def has_terminal() -> bool:
    """Whether this process has a controlling terminal that has not been closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
