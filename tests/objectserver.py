"""A server of objects that answers as much of S3 as reading takes, and what tests make it answer.

    with ObjectServer({"bucket/a.zarr/zarr.json": b"..."}) as server:
        store = server.s3("bucket", prefix="a.zarr")      obstore's, over HTTP
        server.requests                                   what was asked for, in order

It has one thread with an event loop, so that many requests cost little: 60 ms of `delay` are 60 ms
for each of 32 requests at once. `faults` has a status for keys, or "hang".

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from obstore.store import HTTPStore, S3Store

RANGE = re.compile(r"bytes=(\d*)-(\d*)")
MODIFIED = "Fri, 27 Nov 2026 03:00:00 GMT"


class Request(NamedTuple):
    """A request: its method, the key below the root, and the values of two of its headers."""

    method: str
    key: str
    range: str | None
    if_match: str | None


class Reply(NamedTuple):
    """A reply: status, body (or only its size), and more headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class ObjectServer:
    """Serves `objects`, by keys that begin with the bucket, until the block ends."""

    def __init__(self, objects: Mapping[str, bytes] | None = None, delay: float = 0.0, *, has_tags: bool = True) -> None:
        self.objects = dict(objects or {})
        self.delay = delay
        self.has_tags = has_tags
        self.faults: dict[str, int | str] = {}
        self.is_held = False
        """While it is true, GET gets no answer."""
        self.requests: list[Request] = []
        self.together = 0
        """How many requests for chunks have to wait at once before any of them is answered."""
        self._waiting = 0
        self._all: asyncio.Event | None = None
        self.before: Callable[[Request], None] = lambda _: None
        """Called before a request is answered; it may change the objects."""
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()
        self._started: Future[Callable[[], object]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._started.result(10)()
        self._thread.join(10)

    def s3(self, bucket: str, *, timeout: float = 30.0, **options: Any) -> S3Store:
        """A client of obstore's for a bucket; it tries each request once."""
        return S3Store(
            bucket,
            endpoint=self.url,
            region="us-east-1",
            skip_signature=True,
            client_options={"allow_http": True, "timeout": timedelta(seconds=timeout)},
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=timeout)},
            **options,
        )

    def http(self, path: str) -> HTTPStore:
        """A client of obstore's that reads below a path by plain HTTP."""
        return HTTPStore(
            f"{self.url}/{path}",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=9)},
        )

    def add(self, folder: Path, prefix: str) -> None:
        """Serve the files of a folder below a prefix."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.objects[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()

    def asked(self, method: str, ending: str = "") -> list[Request]:
        """The requests of a method for keys that end so."""
        return [request for request in self.requests if request.method == method and request.key.endswith(ending)]

    async def _run(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._started.set_result(lambda: loop.call_soon_threadsafe(ended.set))
        await ended.wait()
        for socket in server.sockets:
            loop.remove_reader(socket)
        for _ in range(10):  # the tasks of connections that were just made begin; a closed server leaves their sockets open
            await asyncio.sleep(0)
        server.close()
        open_ones = [*self._connections]
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
        for transport in [*loop._transports.values()]:  # type: ignore[attr-defined] # those without a task yet
            transport.abort()
        for _ in range(2):  # transports close a step later
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while line := (await reader.readline()).decode().split():
                headers = {}
                while name := (await reader.readline()).decode().strip():
                    key, _, value = name.partition(":")
                    headers[key.lower()] = value.strip()
                writer.write(await self._answer(line[0], line[1], headers))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()  # what a client has not taken would keep it open
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, method: str, target: str, headers: Mapping[str, str]) -> bytes:
        url = urlsplit(target)
        request = Request(method, unquote(url.path).strip("/"), headers.get("range"), headers.get("if-match"))
        self.requests.append(request)
        if self.delay:
            await asyncio.sleep(self.delay)
        while self.is_held and method == "GET":  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)
        if self.together and "/c/" in request.key:
            await self._wait_for_all()
        self.before(request)
        fault = self.faults.get(request.key)
        if fault == "hang":
            await asyncio.Event().wait()
        query = parse_qs(url.query)
        reply = Reply(int(fault)) if fault else self._listing(request.key, query) if "list-type" in query else self._object(request)
        lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", f"content-length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else reply.body)

    def _object(self, request: Request) -> Reply:
        body = self.objects.get(request.key)
        if body is None:
            return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
        tag = f'"{md5(body)}"'
        headers = {"last-modified": MODIFIED, "accept-ranges": "bytes"} | ({"etag": tag} if self.has_tags else {})
        if request.if_match not in (None, tag):
            return Reply(412)
        found = RANGE.fullmatch(request.range or "")
        if not found:
            return Reply(200, body, headers)
        first, last = found.groups()
        start = int(first) if first else max(0, len(body) - int(last))
        stop = min(int(last) + 1, len(body)) if first and last else len(body)
        if start >= len(body):
            return Reply(416)
        return Reply(206, body[start:stop], headers | {"content-range": f"bytes {start}-{stop - 1}/{len(body)}"})

    async def _wait_for_all(self) -> None:
        self._all = self._all or asyncio.Event()
        self._waiting += 1
        if self._waiting >= self.together:
            self._all.set()
        await asyncio.wait_for(self._all.wait(), 30)

    def _listing(self, bucket: str, query: Mapping[str, list[str]]) -> Reply:
        prefix = query.get("prefix", [""])[0]
        keys = [key.removeprefix(f"{bucket}/") for key in self.objects if key.startswith(f"{bucket}/{prefix}")]
        rest = {key: key[len(prefix) :].partition("/") for key in keys}
        folders = {f"{prefix}{first}/" for first, slash, _ in rest.values() if slash}
        files = [key for key, (_, slash, _) in rest.items() if not slash]
        return Reply(200, _xml(sorted(files), sorted(folders), bucket, self.objects).encode())


@lru_cache(4096)
def md5(body: bytes) -> str:
    """The digest in an object's ETag."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _xml(files: Iterable[str], folders: Iterable[str], bucket: str, objects: Mapping[str, bytes]) -> str:
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-27T03:00:00.000Z</LastModified>"
        f"<ETag>&quot;{md5(objects[f'{bucket}/{key}'])}&quot;</ETag>"
        f"<Size>{len(objects[f'{bucket}/{key}'])}</Size></Contents>"
        for key in files
    )
    prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{prefixes}</ListBucketResult>"
