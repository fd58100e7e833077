"""A web server with objects that are read by ranges; it counts, and hangs or fails if told to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import MappingProxyType
from typing import Any, NamedTuple

from tiled_zarr.adapters.remote.open import open_remote
from tiled_zarr.nodes import Group
from tiled_zarr.resources import Resources

WAIT = 20
"""Seconds after which a test has failed."""


class Request(NamedTuple):
    """A request that was answered: its method, and the range that it asked for."""

    method: str
    start: int
    stop: int


class Store:
    """Objects by name. While `is_open` is not set, data are not sent; `status` is sent in their place."""

    def __init__(self, port: int) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.is_open = Event()
        self.is_open.set()
        self.status = 0
        self.url = f"http://127.0.0.1:{port}"

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges of the requests so far."""
        return [(one.start, one.stop) for one in self.requests if one.method == "GET"]

    def open(self, name: str, resources: Resources) -> Group:
        """The root group of an object."""
        node = open_remote(f"{self.url}/{name}", resources)
        assert isinstance(node, Group)
        return node


class Server(ThreadingHTTPServer):
    """Serves the objects of a store."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.store = Store(self.server_port)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that have given up."""


class Handler(BaseHTTPRequestHandler):
    """Answers HEAD and GET, with If-Match and single ranges."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def log_message(self, *_: Any) -> None: ...

    def answer(self) -> None:
        body = self.of.objects.get(self.path.partition("?")[0][1:])
        if body is None:
            self.reply(404)
            return
        tag = f'"{hash(body):x}"'
        if self.headers.get("If-Match", tag) != tag:
            self.reply(412)
            return
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, stop = (int(span[1]), int(span[2]) + 1) if span else (0, len(body))
        self.of.requests.append(Request(self.command, start, stop))
        if self.command == "GET" and self.is_refused():
            return
        more = {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"} if span else {}
        self.reply(206 if span else 200, body[start:stop], {"ETag": tag, "Accept-Ranges": "bytes", **more})

    def is_refused(self) -> bool:
        """Wait until data may be sent; True if a status was sent in their place."""
        assert self.of.is_open.wait(5 * WAIT)
        if self.of.status:
            self.reply(self.of.status)
        return self.of.status != 0

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        fixed = {"Content-Length": str(len(body)), "Last-Modified": "Fri, 27 Nov 2026 00:00:00 GMT"}
        for name, text in {**fixed, **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    @property
    def of(self) -> Store:
        assert isinstance(self.server, Server)
        return self.server.store


@contextmanager
def store() -> Iterator[Store]:
    """A running server without objects."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.store
        finally:
            server.store.is_open.set()
            server.shutdown()
            thread.join()
