"""A real server in its own process, for tests that need the wire.

with live() as server: ...                                    the demo under hypercorn
with live(env={"TILED_ZARR_DIRECTORY": path, "TILED_ZARR_API_KEY": "k"}, server="uvicorn") ...
with live("directory", path, "--public") as server: ...       through `tiled-zarr serve`
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
FIRST_PORT, FEWEST_PORTS = 10_000, 10_000
CLOSED_TO_BROWSERS = 10_080
"""The port from there on that browsers refuse: https://fetch.spec.whatwg.org/#port-blocking"""
PORTS_GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""https://docs.kernel.org/networking/ip-sysctl.html#ip-variables"""
HYPERCORN_LOG = ["--access-logfile", "-", "--access-logformat", '%(h)s "%(R)s" %(s)s "%(f)s" "%(a)s"']
GRANIAN_LOG = ["--access-log", "--access-log-fmt", '%(addr)s "%(method)s %(path)s?%(query_string)s" %(status)d']
"""Formats with the query, and hypercorn's with the Referer, which is in its default."""
START_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Live:
    """A running server.

    It has the base URL without a trailing slash, the process id, and the file with all its output.
    """

    url: str
    pid: int
    log: Path
    process: subprocess.Popen[bytes]

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def workers(self) -> list[int]:
        """The processes that it has started."""
        files = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(child) for file in files for child in file.read_text().split()]

    def exit_code(self, seconds: float) -> int:
        """The exit code of a server that has been asked to end. Raises TimeoutExpired."""
        return self.process.wait(seconds)


@contextmanager
def live(
    *arguments: str | os.PathLike[str],
    app: str = "tiled_zarr.app:app",
    server: str = "hypercorn",
    workers: int = 1,
    env: Mapping[str, str | os.PathLike[str]] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    access_log: bool = False,
    seconds: float = START_SECONDS,
    preexec: Callable[[], None] | None = None,
) -> Iterator[Live]:
    """A server on a free port of 127.0.0.1 that answers /healthz; it is stopped at the end.

    `arguments` are those of `tiled-zarr serve`; without any, `app` runs directly under `server`
    (hypercorn, uvicorn or granian). `env` adds to the environment, without the TILED_* variables of
    the caller. `preexec` runs in the new process; `access_log` makes the server of an application
    log each request.
    """
    port = free_port()
    command = cli_command(arguments, server, workers, port) if arguments else app_command(app, server, workers, port, access_log=access_log)
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=preexec,  # noqa: PLW1509 - it calls the system alone
            )
        try:
            url = wait(process, port, log, seconds)
            if arguments:
                wait_for_announcement(log, seconds)
            yield Live(url, process.pid, log, process)
        finally:
            stop(process)


def free_port() -> int:
    """A free port below those that the system assigns.

    So no client and no other suite takes it before the server does. It comes from `secrets`, since
    hypothesis gives `random` the same seed in every process.
    """
    given_out = int(PORTS_GIVEN_OUT.read_text().split()[0])
    while True:
        port = FIRST_PORT + secrets.randbelow(max(given_out - FIRST_PORT, FEWEST_PORTS))
        if port == CLOSED_TO_BROWSERS:
            continue
        with socket.socket() as listener, suppress(OSError):
            listener.bind((HOST, port))
            return port


def app_command(app: str, server: str, workers: int, port: int, *, access_log: bool = False) -> list[str]:
    python = [sys.executable, "-m", server]
    match server:
        case "hypercorn":
            return [
                *python,
                app,
                "--bind",
                f"{HOST}:{port}",
                "--workers",
                str(0 if workers == 1 else workers),
                *(HYPERCORN_LOG if access_log else []),
            ]
        case "uvicorn":
            return [*python, app, "--host", HOST, "--port", str(port), "--workers", str(workers), *(["--no-access-log"] * (not access_log))]
        case "granian":
            return [
                *python,
                app,
                "--interface",
                "asgi",
                "--host",
                HOST,
                "--port",
                str(port),
                "--workers",
                str(workers),
                *(GRANIAN_LOG if access_log else []),
            ]
        case _:
            raise ValueError(f"server {server!r}: use hypercorn, uvicorn or granian")


def cli_command(arguments: tuple[str | os.PathLike[str], ...], server: str, workers: int, port: int) -> list[str]:
    cli = [sys.executable, "-m", "tiled_zarr", "serve", *(os.fspath(argument) for argument in arguments)]
    return [*cli, "--host", HOST, "--port", str(port), "--server", server, "--workers", str(workers)]


def environment(extra: Mapping[str, str | os.PathLike[str]] | None) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TILED_", "_TILED_"))}
    return {**inherited, "PYTHONUNBUFFERED": "1", **{name: os.fspath(value) for name, value in (extra or {}).items()}}


def wait(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float) -> str:
    """The base URL, as soon as the server answers.

    Raises RuntimeError with the server's output if it ends or takes too long.
    """
    url = f"http://{HOST}:{port}"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"server exited with {process.returncode}: {process.args!r}\n{log.read_text(errors='replace')}")
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            if answer.status == 200:
                return url
        time.sleep(0.05)
    raise RuntimeError(f"server did not answer within {seconds} s: {process.args!r}\n{log.read_text(errors='replace')}")


def wait_for_announcement(log: Path, seconds: float) -> None:
    """Return once `tiled-zarr serve` says that all its workers serve; an answer proves only one."""
    end = time.monotonic() + seconds
    while "read the data." not in log.read_text(errors="replace"):
        if time.monotonic() > end:
            raise RuntimeError(f"the server did not say within {seconds} s where to look\n{log.read_text(errors='replace')}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, then end its process group, which is its own."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
