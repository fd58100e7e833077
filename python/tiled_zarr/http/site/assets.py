"""The files of the pages that run scripts, which `make viewer` builds.

We keep them in memory, and browsers cache each version of them for a year.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from ..protocol import caching, codings, etags, replies
from ..protocol.replies import NO_SNIFFING, NOT_FOUND, Headers, Reply
from ..protocol.requests import Request
from .addresses import Addresses

FOLDER = Path(__file__).parents[1] / "static" / "viewer"
PREFIX = "static/viewer/"
SUFFIXES = MappingProxyType({"script": ".js", "sheet": ".css", "licences": ".txt"})
PAGES = ("viewer", "explore", "table")
TYPES = MappingProxyType(
    {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8", ".txt": b"text/plain; charset=utf-8"}
)
"""The media type of a page's script, of its style sheet, and of the licences of what it contains."""


class Asset:
    """One file, with a version that is a digest of its content."""

    def __init__(self, path: Path, kind: bytes) -> None:
        self.content = path.read_bytes()
        self.kind = kind
        self.version = hashlib.sha256(self.content).hexdigest()[:16]

    @cached_property
    def compressed(self) -> bytes:
        """The content, gzipped."""
        return gzip.compress(self.content, 9, mtime=0)


class Assets:
    """The files of all pages in a folder, by name; none if they are not built."""

    def __init__(self, folder: Path = FOLDER, *, public: bool) -> None:
        paths = [(folder / f"{page}{suffix}", kind) for page in PAGES for suffix, kind in TYPES.items()]
        self.files = {path.name: Asset(path, kind) for path, kind in paths if path.is_file()}
        self.cache_control = (b"cache-control", caching.immutable(public=public))

    @property
    def pages(self) -> list[str]:
        """The pages that are built."""
        return [page for page in PAGES if f"{page}.js" in self.files]

    def links(self, page: str, addresses: Addresses) -> dict[str, str]:
        """Links to the script, the style sheet and the licences of a page; empty if it is not built."""
        if f"{page}.js" not in self.files:
            return {}
        return {kind: self.link(f"{page}{suffix}", addresses) for kind, suffix in SUFFIXES.items()}

    def link(self, name: str, addresses: Addresses) -> str:
        """A link to the current version of a file: its URL changes with its content."""
        separator = "&" if addresses.query else "?"
        return f"{addresses.link(PREFIX + name)}{separator}version={self.files[name].version}"

    def reply(self, request: Request, name: str) -> Reply:
        """A file, gzipped if the client accepts that; 404 if there is none of that name."""
        asset = self.files.get(name)
        if asset is None:
            return NOT_FOUND
        headers: Headers = ((b"content-type", asset.kind), (b"vary", b"accept-encoding"), self.cache_control, NO_SNIFFING)
        if codings.chosen(request, asset.content, ("gzip",)) is None:
            return replies.of_content(request, headers, asset.content)
        etag = etags.of_text(f"gzip|{asset.version}")
        encoded = (*headers, (b"content-encoding", b"gzip"))
        return replies.unmodified(request, etag, encoded) or Reply(200, (*encoded, (b"etag", etag)), asset.compressed)
