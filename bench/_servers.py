"""Servers in processes of their own, each on a free port of 127.0.0.1."""

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

import live  # noqa: E402 - the tests' way of starting and stopping servers

SOURCES = f"{ROOT / 'python'}:{BENCH}"
"""What is on the path of every Python server, so that nothing of ours has to be installed beside it."""
START_SECONDS = 120
BESIDES = 150 * 10**6
"""Bytes that a process of ours may take beside its source, its cache and the chunks that it works on."""


@dataclass(frozen=True)
class Program:
    """What can be started and asked.

    `command` is given the port; `paths` are asked in turns, and the first answers 200 as soon as the program is ready; `decode` gives the
    bytes of a chunk for a body. `limit` is how many MiB a process of it may take, where it promises a limit. A guest that does not start,
    or shows something else, is left out.
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
    """A program that runs."""

    program: Program
    port: int
    pid: int

    def get(self, path: str) -> bytes:
        """A body. Raises OSError where the answer is no 200."""
        with urllib.request.urlopen(f"http://{live.HOST}:{self.port}{path}") as answer:
            return answer.read()

    def bodies(self) -> list[bytes]:
        """What is at every path, asked one after the other."""
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
    """Start a program, wait until it answers, stop it at the end. Raises RuntimeError with what it printed where it does not start."""
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
    """Whether the first path is there as soon as anything is answered, before the process ends or the time is over."""
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
    """Our program as people start it: `tiled-zarr serve`, the settings spelled as in the environment."""
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
    """An application by its import name, under the same server with the same settings as ours."""
    return Program(name, lambda port: [python, BENCH / "_serve.py", app, server, str(workers), str(port)], paths, env)
