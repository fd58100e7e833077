"""The files of the viewer page, which `make viewer` builds.

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
TYPES = MappingProxyType(
    {
        "viewer.js": b"text/javascript; charset=utf-8",
        "viewer.css": b"text/css; charset=utf-8",
        "THIRD-PARTY.txt": b"text/plain; charset=utf-8",
    }
)


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
    """The files of the viewer in a folder, by name; none if the viewer is not built."""

    def __init__(self, folder: Path = FOLDER, *, public: bool) -> None:
        paths = [(folder / name, kind) for name, kind in TYPES.items()]
        self.files = {path.name: Asset(path, kind) for path, kind in paths if path.is_file()}
        self.cache_control = (b"cache-control", caching.immutable(public=public))

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
