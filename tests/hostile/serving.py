"""A server over the hostile folder, which is asked from many threads, watched, and ended in time.

That a server froze is noticed once; every later request fails at once instead of waiting too.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import live

ANSWER_SECONDS = 75
"""The deadline of one answer, five times READ_TIMEOUT: a machine may do six other things."""
MOST_LATE = 4
"""After this many late answers a server counts as frozen, so that its test ends."""
STOP_SECONDS = 30
MOST_ADDRESSES = 8 * 2**30
"""Bytes of address space of one process; libraries and threads take 3 GB of it."""
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
SECRET = Path("/etc/passwd").read_bytes().partition(b"\n")[0]
"""What no answer may hold."""
READ_TIMEOUT = 15
"""Seconds. The HDF5 library has a fifth of it for a header.

2.4 were too few for a good file beside five other processes.
"""
SMALL = {
    "TILED_ZARR_IN_FLIGHT": "64MiB",
    "TILED_ZARR_CACHE_SIZE": "32MiB",
    "TILED_ZARR_TILE_CACHE_SIZE": "16MiB",
    "TILED_ZARR_LEVELS_SIZE": "16MiB",
    "TILED_ZARR_READ_TIMEOUT": str(READ_TIMEOUT),
    "TILED_ZARR_PUBLIC": "1",
}
"""Settings under which nothing hostile fits."""


class Frozen(AssertionError):
    """The server has stopped answering."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Served:
    """A running server. `is_unprivileged` says that it may read only what its user may."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    is_unprivileged: bool
    frozen: str = ""
    late: int = 0
    peak: int = 0
    _idle: list[http.client.HTTPConnection] = field(default_factory=list)

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, seconds: float = ANSWER_SECONDS) -> Answer:
        """The answer for a path that is not percent-encoded yet.

        Raises Frozen if the server answers nothing else either.
        """
        if self.frozen:
            raise Frozen(self.frozen)
        target = quote(path, safe="/~")
        try:
            answer = self._request(target, method, headers or {}, seconds)
        except (OSError, http.client.HTTPException) as error:
            self.late += isinstance(error, TimeoutError)
            if self.late >= MOST_LATE or not self.is_alive():
                self.frozen = f"after {method} {path[:200]!r} the server answers nothing any more (exit code {self.process.poll()})"
                raise Frozen(self.frozen) from error
            raise AssertionError(f"{method} {path[:200]!r}: {type(error).__name__} {error}") from error
        assert SECRET not in answer.body, f"{path!r} holds a line of /etc/passwd"
        return answer

    def is_alive(self) -> bool:
        """Whether the process is there and /healthz says 200 in time."""
        with suppress(OSError, http.client.HTTPException):
            return self.process.poll() is None and self._request("/healthz", "GET", {}, 10).status == 200
        return False

    def memory(self) -> int:
        """The largest resident size, in bytes, of the server and its children together.

        Of children that have ended, the last size that we saw counts.
        """
        self.peak = max(self.peak, sum(map(high_water, family(self.process.pid))))
        return self.peak

    def stop(self) -> tuple[int | None, float]:
        """Ask the server to end.

        Returns its exit code, or None if we had to kill it, and the seconds that it took.
        """
        self.memory()
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(STOP_SECONDS), time.monotonic() - start
        return None, time.monotonic() - start

    def close(self) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._idle.pop().close()

    def _request(self, target: str, method: str, headers: Mapping[str, str], seconds: float) -> Answer:
        """One request over an idle connection, or over a new one if it was closed meanwhile."""
        kept = self._idle.pop() if self._idle else None
        try:
            return self._over(kept or self._connection(), target, method, headers, seconds)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            if kept is None:
                raise
            return self._over(self._connection(), target, method, headers, seconds)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.url.removeprefix("http://"))

    def _over(self, connection: http.client.HTTPConnection, target: str, method: str, headers: Mapping[str, str], seconds: float) -> Answer:
        """One request over this connection, which is idle afterwards, or closed."""
        try:
            connection.timeout = seconds
            if connection.sock:
                connection.sock.settimeout(seconds)
            connection.request(method, target, headers=dict(headers))
            reply = connection.getresponse()
            answer = Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.read())
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer


@contextmanager
def served(
    *arguments: str | os.PathLike[str], server: str = "hypercorn", workers: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Run `tiled-zarr serve` with these arguments as a user who may not read everything.

    What still runs at the end is killed.
    """
    environment = {**SMALL, **(settings or {}), "PYTHONPATH": os.pathsep.join([str(Path(live.__file__).parent), *paths()])}
    port = live.free_port()
    can_drop = os.geteuid() == 0 and can_drop_rights()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                live.cli_command(arguments, server, workers, port),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=live.environment(environment),
                start_new_session=True,
                preexec_fn=drop_rights if can_drop else limit,  # noqa: PLW1509 - it makes system calls alone
            )
        try:
            running = Served(process, live.wait(process, port, log, live.START_SECONDS), log, can_drop or os.geteuid() != 0)
            with closing(running):
                yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def paths() -> list[str]:
    return list(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))


def limit() -> None:
    """Let a server that unpacks without bound fail before the machine, and die with the tests."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))


def drop_rights() -> None:
    """The same, and drop root's right to read and search everything.

    It takes effect in the next program that this process starts.
    """
    limit()
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def can_drop_rights() -> bool:
    """Whether this root may give that right up (not without CAP_SETPCAP)."""
    held = re.search(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())
    return held is not None and bool(int(held[1], 16) >> 8 & 1)


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in family(int(child)))]


def high_water(pid: int) -> int:
    """The largest resident size of a process so far, in bytes."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0
