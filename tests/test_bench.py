"""The client that the benchmarks measure with: only whole replies with status 200 count."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

CLIENT = Path(__file__).parents[1] / "bench" / "_client.py"
PATHS = '["/a", "/b", "/c"]'

GOOD = {
    "at once": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"],
    "in pieces": [b"HTTP/1.1 200 OK\r\nconTent-le", b"ngth: 3\r\n\r", b"\nab", b"c"],
    "empty": [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
}
BAD = {
    "absent": ([b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"], "404 Not Found"),
    "longer than it says": ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc"], "1 bytes longer"),
    "without a length": ([b"HTTP/1.1 200 OK\r\n\r\nabc"], "200 OK"),
    "cut off": ([b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", b""], "closed a connection"),
}


@contextmanager
def saying(pieces: list[bytes]) -> Iterator[int]:
    """The port of a server that answers every request alike; an empty piece ends the connection."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(4096):
                for piece in pieces:
                    if not piece:
                        return
                    connection.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def asked(pieces: list[bytes], connections: int, seconds: float) -> subprocess.CompletedProcess[str]:
    with saying(pieces) as port:
        command = [sys.executable, CLIENT, str(port), str(connections), str(seconds)]
        return subprocess.run(command, check=False, input=PATHS, capture_output=True, text=True)


@pytest.mark.parametrize("pieces", GOOD.values(), ids=GOOD)
def test_every_path_is_asked_once(pieces: list[bytes]) -> None:
    assert '"replies": 3,' in asked(pieces, 2, 0).stdout


def test_paths_are_asked_until_the_time_is_over() -> None:
    answer = asked(GOOD["at once"], 1, 0.2)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(("pieces", "reason"), BAD.values(), ids=BAD)
def test_what_is_no_whole_reply_stops_the_benchmark(pieces: list[bytes], reason: str) -> None:
    answer = asked(pieces, 2, 0)
    assert answer.returncode == 1
    assert reason in answer.stderr
