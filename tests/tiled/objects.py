"""An object store that speaks as much of S3 as Tiled needs, in memory.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "bucket"


class Handler(BaseHTTPRequestHandler):
    """Answers GET with ranges, HEAD, PUT, DELETE and ListObjectsV2 of one bucket."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}").lstrip("/")

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.objects[self.key] = body
        self.reply(200, ETag=tag(body))

    def do_DELETE(self) -> None:
        self.objects.pop(self.key, None)
        self.reply(204)

    def do_GET(self) -> None:
        if not self.key:
            return self.reply(200, self.listed(parse_qs(urlsplit(self.path).query)), content_type="application/xml")
        body = self.objects.get(self.key)
        if body is None:
            return self.reply(404)
        known = {"ETag": tag(body), "last_modified": "Thu, 26 Nov 2026 00:00:00 GMT"}
        if (asked := self.headers["range"]) is None:
            return self.reply(200, body, **known)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else len(body) - int(last)
        stop = min(int(last) + 1, len(body)) if first and last else len(body)
        return self.reply(206, body[start:stop], content_range=f"bytes {start}-{stop - 1}/{len(body)}", **known)

    do_HEAD = do_GET  # noqa: N815

    def listed(self, query: dict[str, list[str]]) -> bytes:
        """All keys that begin with a prefix; up to a delimiter, if the query has one."""
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        keys, folders = [], set()
        for key in sorted(self.objects):
            rest = key.removeprefix(prefix)
            if key.startswith(prefix) and delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            elif key.startswith(prefix):
                keys.append(key)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-26T00:00:00Z</LastModified>"
            f"<ETag>{escape(tag(self.objects[key]))}</ETag><Size>{len(self.objects[key])}</Size></Contents>"
            for key in keys
        )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders))
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{common}</ListBucketResult>".encode()


def tag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


@contextmanager
def serving() -> Iterator[str]:
    """The address of the bucket."""
    handler = type("Served", (Handler,), {"objects": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{BUCKET}"
        server.shutdown()
