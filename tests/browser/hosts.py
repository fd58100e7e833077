"""A web server on an origin of its own, with a page around vizarr: a stand-in for the hosted one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlsplit

HERE = Path(__file__).parent
VIZARR = HERE.parents[1] / "build" / "vizarr" / "index.js"
NO_JPX = b"export class JpxImage { parse() { throw new Error('no JPEG 2000 here') } }"

Pages = dict[str, tuple[str, bytes]]


@contextmanager
def serve(pages: Pages) -> Iterator[str]:
    """The origin that serves content and media type by path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, pages))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers GET with one of the pages."""

    def __init__(self, pages: Pages, *rest: object) -> None:
        self.pages = pages
        super().__init__(*rest)  # type: ignore[arg-type] # the socket server's own arguments

    def do_GET(self) -> None:  # noqa: N802 - the standard library's name
        kind, body = self.pages.get(urlsplit(self.path).path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("content-type", kind or "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def vizarr_pages() -> Pages:
    return {
        "/": ("text/html", (HERE / "host.html").read_bytes()),
        "/index.js": ("text/javascript", VIZARR.read_bytes()),
        "/no-jpx.js": ("text/javascript", NO_JPX),
    }


def vizarr_url(host: str, source: str) -> str:
    """The page that shows an image in vizarr."""
    return f"{host}/?source={quote(source, safe='')}"
