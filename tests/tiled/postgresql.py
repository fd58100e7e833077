"""A PostgreSQL server of our own, from the programs that Debian's package `postgresql` installs."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER = "tiled"
SECONDS = 60
NOT_INSTALLED = "NOT TESTED: no PostgreSQL; apt-get install postgresql"
QUICK = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB", "-c", "max_connections=60")


def programs() -> Path | None:
    """The folder of the server's programs, which Debian keeps off the path."""
    found = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), reverse=True), shutil.which("initdb")]
    return next((Path(path).resolve().parent for path in found if path), None)


def other_user() -> str | None:
    """Somebody else than root, as whom the server has to run; None if we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


@dataclass(frozen=True)
class Server:
    """A running server, and the programs that talk to it."""

    programs: Path
    port: int

    def uri(self, name: str, password: str = "") -> str:
        """The address of a database."""
        return f"postgresql://{USER}{':' + password if password else ''}@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """Create an empty database; return its address."""
        subprocess.run([self.programs / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name], check=True, timeout=SECONDS)
        return self.uri(name)


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port, in a temporary folder. Skips the test if none is installed."""
    found = programs()
    if found is None:
        pytest.skip(NOT_INSTALLED)
    user, folder = other_user(), Path(tempfile.mkdtemp(prefix="postgresql-"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        subprocess.run([found / program, "-D", folder / "data", *arguments], check=True, user=user, cwd="/", timeout=SECONDS, stdout=-3)

    options = " ".join([*QUICK, "-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"])
    try:
        if user is not None:
            shutil.chown(folder, user)
        run("initdb", "--auth=trust", f"--username={USER}", "--no-sync", "--encoding=UTF8", "--locale=C")
        run("pg_ctl", "--wait", "--log", str(folder / "log"), "--options", options, "start")
        try:
            yield Server(found, port)
        finally:
            run("pg_ctl", "--wait", "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
