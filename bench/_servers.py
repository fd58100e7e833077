"""Starts servers, each in its own process on a free port of 127.0.0.1."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import numcodecs.blosc

import _images
import _processes
from tiled_zarr.settings import from_environment

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.path.append(str(ROOT / "tests"))

import live  # noqa: E402 - starts and stops servers as the tests do

SOURCES = f"{ROOT / 'python'}:{BENCH}"
"""The PYTHONPATH of every Python server, so that our package need not be installed."""
START_SECONDS = 120
BESIDES = 150 * 10**6
"""Bytes that a process of ours may need besides its source, cache, and chunks under way."""


@dataclass(frozen=True)
class Program:
    """A server that can be started.

    `command` gets the port. The client requests `paths` in turns; the first of them replies 200
    once the program is ready. `decode` returns the bytes of a chunk from a body. `limit` is the
    memory of a process in MiB, if the program promises a limit. A guest is left out if it does not
    start, or if it serves something else than the image.
    """

    name: str
    command: Callable[[int], Sequence[str | Path]]
    paths: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    limit: float | None = None
    is_guest: bool = False
    decode: Callable[[bytes], bytes] = numcodecs.blosc.decompress


@dataclass(frozen=True)
class Server:
    """A program that is running."""

    program: Program
    port: int
    pid: int

    def get(self, path: str) -> bytes:
        """A body. Raises OSError if the reply is not a 200."""
        with urllib.request.urlopen(f"http://{live.HOST}:{self.port}{path}") as answer:
            return answer.read()

    def bodies(self) -> list[bytes]:
        """The bodies of all paths, requested one after the other."""
        connection = HTTPConnection(live.HOST, self.port)
        bodies = []
        for path in self.program.paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            bodies.append(answer.read())
            if answer.status != 200:
                raise ConnectionError(f"{self.program.name}: {path} is answered {answer.status}: {bodies[-1][:200]!r}")
        connection.close()
        return bodies

    def processor_seconds(self) -> float:
        return _processes.processor_seconds(self.pid)

    def peak(self) -> float:
        return _processes.peak(self.pid)


@contextmanager
def running(program: Program) -> Iterator[Server]:
    """A context in which a program runs and answers.

    Raises RuntimeError with the program's output if it does not start.
    """
    port = live.free_port()
    environment = live.environment({"PYTHONPATH": SOURCES, **program.env})
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            list(program.command(port)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Server(program, port, process.pid)
        try:
            if not answers(server, process):
                printed.seek(0)
                raise RuntimeError(f"{program.name} does not serve {program.paths[0]}\n{printed.read().decode(errors='replace')}")
            yield server
        finally:
            live.stop(process)


def answers(server: Server, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the program replies to its first path; return whether the reply is a 200.

    False also if the process ends first, or START_SECONDS are over.
    """
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            server.get(server.program.paths[0])
        except urllib.error.HTTPError:
            return False
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def ours(
    name: str,
    server: str,
    paths: Sequence[str],
    *,
    source: Sequence[str | Path] = ("pyobject", "_images:tree"),
    source_nbytes: int = _images.NBYTES,
    workers: int = 1,
    **settings: object,
) -> Program:
    """Our program, `tiled-zarr serve`, with settings given as in the environment."""
    env = {f"TILED_ZARR_{setting.upper()}": str(value) for setting, value in settings.items()}
    promised = from_environment(env).sizes(workers)
    limit = (source_nbytes + promised.chunks + promised.in_flight + BESIDES) / _processes.MEBIBYTE
    return Program(name, lambda port: live.cli_command((*source, "--public"), server, workers, port), paths, env, limit)


def asgi(
    name: str,
    app: str,
    server: str,
    paths: Sequence[str],
    *,
    env: Mapping[str, str],
    workers: int = 1,
    python: str | Path = sys.executable,
) -> Program:
    """Any application, by its import name, under the same server with the same settings as ours."""
    return Program(name, lambda port: [python, BENCH / "_serve.py", app, server, str(workers), str(port)], paths, env)
