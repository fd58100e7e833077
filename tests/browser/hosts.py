"""A web server on an origin of its own: a stand-in for those that host vizarr and neuroglancer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlsplit

from clients import envs
from tiled_zarr.http.site import assets, templates
from tiled_zarr.http.site.addresses import Addresses

HERE = Path(__file__).parent
VIZARR = HERE.parents[1] / "build" / "vizarr" / "index.js"
NO_JPX = b"export class JpxImage { parse() { throw new Error('no JPEG 2000 here') } }"
NO_EVENTS = b"<script>EventSource = class { constructor() { setTimeout(() => this.onopen()) } close() {} }</script>"
NEUROGLANCER = "/v/neuroglancer/"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm"}

ABSENT = ("values", "letters", "turned", "coordinates", "events")
"""What a page of another origin does not know: where exact values, other planes and events are."""

Pages = dict[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Host:
    """The server's address and its pages, media type and content by path; tests may add pages."""

    origin: str
    pages: Pages

    def vizarr(self, source: str) -> str:
        """The address of a page that shows an image in vizarr."""
        return f"{self.origin}/?source={quote(source, safe='')}"

    def viewer(self, source: str) -> str:
        """The address of a page that shows an image in our viewer."""
        links = {"script": "viewer.js", "sheet": "viewer.css", "licences": ""}
        here = Addresses("", "./", None)
        self.pages["/viewer"] = (
            "text/html",
            templates.html("viewer.html", name="image", trail=[], sources=source, addresses=here, **links, **dict.fromkeys(ABSENT, "")),
        )
        return f"{self.origin}/viewer"

    def neuroglancer(self, state: str) -> str:
        """The address of a neuroglancer in a state, which is percent-encoded JSON."""
        self.pages.update(neuroglancer())
        return f"{self.origin}{NEUROGLANCER}#!{state}"


@contextmanager
def serve() -> Iterator[Host]:
    """A server with the files of both viewers."""
    pages = files()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, pages))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Host(f"http://127.0.0.1:{server.server_port}", pages)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers GET with one of the pages."""

    def __init__(self, pages: Pages, *rest: object) -> None:
        self.pages = pages
        super().__init__(*rest)  # type: ignore[arg-type] # the socket server's own arguments

    def do_GET(self) -> None:
        kind, body = self.pages.get(urlsplit(self.path).path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("content-type", kind or "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def files() -> Pages:
    return {
        "/": ("text/html", (HERE / "host.html").read_bytes()),
        "/index.js": ("text/javascript", VIZARR.read_bytes()),
        "/no-jpx.js": ("text/javascript", NO_JPX),
        "/favicon.ico": ("image/png", b""),
        "/viewer.js": ("text/javascript", (assets.FOLDER / "viewer.js").read_bytes()),
        "/viewer.css": ("text/css", (assets.FOLDER / "viewer.css").read_bytes()),
    }


def neuroglancer() -> Pages:
    """The files of the released build in neuroglancer's wheel.

    We leave out the program that controls this build by events.
    """
    (folder,) = envs.interpreter("neuroglancer").parents[1].glob("lib/python*/site-packages/neuroglancer/static/client")
    pages = {NEUROGLANCER + file.name: (TYPES[file.suffix], file.read_bytes()) for file in folder.iterdir() if file.suffix in TYPES}
    kind, index = pages.pop(f"{NEUROGLANCER}index.html")
    return {**pages, NEUROGLANCER: (kind, index.replace(b"<head>", b"<head>" + NO_EVENTS))}
