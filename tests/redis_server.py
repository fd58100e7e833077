"""A Redis server of Debian on a free port, that tests stop, kill and start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from live import HOST, free_port

START_SECONDS, STOP_SECONDS = 30, 10
IN_MEMORY = ("--save", "", "--appendonly", "no")
KEPT = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")


class RedisServer:
    """A server that can be stopped and started again at the same address."""

    def __init__(self, folder: Path, *, is_kept: bool = False) -> None:
        program = shutil.which("redis-server")
        if program is None:
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing("NOT TESTED: Redis is not installed: apt-get install redis-server")
        self.port = free_port()
        self.address = f"redis://{HOST}:{self.port}/0"
        self.command = [program, "--port", str(self.port), "--bind", HOST, "--dir", str(folder), *(KEPT if is_kept else IN_MEMORY)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client().ping()
            except redis.ConnectionError:
                assert self.process.poll() is None, "redis-server has ended"
                assert time.monotonic() < end, "redis-server does not answer"
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def client(self) -> redis.Redis:
        """A client for one question."""
        return redis.Redis.from_url(self.address, socket_timeout=5, single_connection_client=False)


@contextmanager
def redis_server(folder: Path, *, is_kept: bool = False) -> Iterator[RedisServer]:
    """Start a server, and kill it at the end. Its data are in memory, or kept in `folder`.

    Without Redis, skips the test, or fails it if CI is set.
    """
    server = RedisServer(folder, is_kept=is_kept)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
