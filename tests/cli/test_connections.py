"""Connections that ask for nothing, or for too much, under each of the three servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from live import Live
from tiled_zarr.cli.servers.stalled import Stalled

from .conftest import PATIENCE, SERVERS, Workers, until

pytestmark = pytest.mark.slow

LIMIT = 4
HEAD = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
HALVES = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half a head": HEAD,
    "half a body": HEAD + b"content-length: 10\r\n\r\nab",
    "a chunked body": HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
    "half a second request": HEAD + b"\r\n" + HEAD,
    "no second request": HEAD + b"\r\n",
    "HTTP/2 without a stream": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half of HTTP/2's preface": b"PRI * HT",
}


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with one worker, which is impatient and has few connections."""
    workers = Workers(tmp_path_factory.mktemp("connections"))
    with workers.serving(request.param, workers=1, request_timeout=1, connections=LIMIT) as server:
        yield server
        assert "Traceback" not in server.printed()


def connected(running: Live) -> socket.socket:
    host, _, port = running.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def read_to_the_end(connection: socket.socket) -> bytes:
    """All that a server sends until it closes or resets the connection. Raises TimeoutError."""
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionError:
        pass
    return answer


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_half_a_request_is_not_waited_for(running: Live, sent: bytes) -> None:
    with connected(running) as connection:
        connection.sendall(sent)
        read_to_the_end(connection)


def test_a_request_that_trickles_is_not_waited_for(running: Live) -> None:
    with connected(running) as connection:
        until(lambda: is_refused(connection, b"G"))


def is_refused(connection: socket.socket, sent: bytes) -> bool:
    try:
        connection.sendall(sent)
    except ConnectionError:
        return True
    time.sleep(0.1)
    return False


def test_a_slow_answer_is_waited_for(running: Live) -> None:
    with closing(HTTPConnection(running.url.removeprefix("http://"), timeout=PATIENCE)) as client:
        for i in range(3):
            client.request("GET", f"/zarr/v3/tree/slow/c/{i}")
            answer = client.getresponse()
            assert (answer.status, len(answer.read())) == (200, 8)


def test_a_slow_reader_gets_all_of_it(running: Live) -> None:
    with connected(running) as connection:
        connection.sendall(b"GET /zarr/v3/tree/big/c/0 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        time.sleep(3)
        assert len(body) + len(read_to_the_end(connection)) == 8 * 2**20


def test_connections_are_limited(running: Live) -> None:
    """Beyond the limit there is a 503, or no answer until another connection ends."""
    until(lambda: open_connections(running) == 0)
    with ExitStack() as stack:
        many = [stack.enter_context(connected(running)) for _ in range(LIMIT + 3)]
        for i, connection in enumerate(many):
            connection.sendall(f"GET /zarr/v3/tree/slow/c/{i % 8} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        statuses = sorted(answer.partition(b"\r\n")[0].split()[1] for answer in map(read_to_the_end, many))
    assert statuses.count(b"200") >= LIMIT
    assert set(statuses) <= {b"200", b"503"}
    if "granian" not in str(running.process.args):
        assert statuses.count(b"503") == 3
    until(lambda: answers(running))


def open_connections(running: Live) -> int:
    """How many connections the server has, as Linux counts them (proc_net_tcp(5)).

    Sockets that listen (0A) or have ended (06) do not count.
    """
    port = int(running.url.rpartition(":")[2])
    sockets = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(local.endswith(f":{port:04X}") and state not in {"0A", "06"} for local, _, state in sockets)


def answers(running: Live) -> bool:
    with closing(HTTPConnection(running.url.removeprefix("http://"), timeout=PATIENCE)) as client:
        client.request("GET", "/healthz")
        return client.getresponse().status == 200


def test_many_files_may_be_open(running: Live) -> None:
    [worker] = running.workers()
    lines = Path(f"/proc/{worker}/limits").read_text().splitlines()
    soft, hard = next(line.split()[3:5] for line in lines if line.startswith("Max open files"))
    assert "unlimited" in {soft, hard} or int(soft) >= min(int(hard), LIMIT + 1000)


class Asked:
    """A connection that has had so many requests."""

    def __init__(self, count: int | None) -> None:
        self.count = count

    def progress(self) -> int | None:
        return self.count

    def abort(self) -> None:
        raise AssertionError


def test_only_what_makes_no_progress_has_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("tiled_zarr.cli.servers.stalled.monotonic", lambda: clock[0])
    stalled, idle, busy, answering = Stalled(10), Asked(3), Asked(0), Asked(None)
    for clock[0] in (0.0, 4.0, 8.0, 9.9):
        assert stalled.among([idle, busy, answering]) == []
        busy.count = (busy.count or 0) + 1
    clock[0] = 10.0
    assert stalled.among([idle, busy, answering]) == [idle]
    answering.count = 1
    clock[0] = 15.0
    assert stalled.among([busy, answering]) == [], "an answer that took long is no stall"
