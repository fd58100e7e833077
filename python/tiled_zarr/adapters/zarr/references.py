"""Hierarchies of kerchunk: each value of a Zarr store is a range of another object.

https://fsspec.github.io/kerchunk/spec.html

fsspec reads the references, a JSON file or a folder of Parquet files, and zarr-python reads the
hierarchy by them; both are maintained with the format. Fsspec alone would read whatever a reference
names, with the rights of the server: /etc/passwd, or an address inside its network. So a reference
may lead only to the places of the setting `references`; without them nothing is opened. What it
names but nobody can read is an error, never a chunk that was not written.

A local file is opened behind the fence of its place, another object by obstore.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec.implementations.reference as kerchunk  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from zarr.storage import FsspecStore

from ...nodes import Damaged, Node
from ...resources import Resources, default
from ..common import fences
from ..common.bounds import LARGEST_TEXT
from ..common.extras import require
from ..common.fences import Fence
from ..common.snapshot import is_for_users, read_exactly
from .objects import adapt_store

LARGEST = 256 * 1024 * 1024
"""Bytes of a JSON file of references that we read, at most; about two million references."""
HOW = (
    "its references lead to other files or objects; say which places they may lead to, as in --references s3://BUCKET/ "
    "or `references: [/data/raw]` in the configuration"
)
STEPS = re.compile(r"(^|/)\.{1,2}(/|$)")
"""Parts of a path that lead elsewhere."""
LOCAL = frozenset({None, "", "file", "local"})


def open_references(path: Path, resources: Resources | None = None) -> Node:
    """The hierarchy of a JSON file of references, or of a folder of Parquet files.

    Raises Damaged if the settings name no places, or if these are no references.
    """
    places = (resources or default()).fetching.references
    if not places:
        raise Damaged(HOW)
    try:
        files = Confined(_parquet(path) if path.is_dir() else _references(path), path.parent, places)
    except Exception as error:
        if is_for_users(error):
            raise
        raise Damaged(f"{path.name!r} cannot be read as references of kerchunk: write it again, or restore it from a copy") from error
    return adapt_store(FsspecStore(files, read_only=True, path=""), resources)


def _parquet(folder: Path) -> Any:
    """The references in a folder of Parquet files, which are read one by one as they are needed.

    Fsspec would read them by fastparquet; our tables need pyarrow anyway.
    """
    return kerchunk.LazyReferenceMapper(os.fspath(folder), fs=LocalFileSystem(), engine="pyarrow")


def _references(path: Path) -> dict[str, Any]:
    """The content of a JSON file. Raises ValueError if it is no object of JSON."""
    found = json.loads(fences.around(path).read(path, LARGEST))
    if not isinstance(found, dict):
        raise ValueError("references are an object of JSON")  # noqa: TRY004 - one kind of error for any content
    return found


class Confined(kerchunk.ReferenceFileSystem):  # type: ignore[misc] # fsspec has no types
    """References that lead to `places` alone: folders, and prefixes of URLs that end in a slash.

    Paths without a slash at their beginning begin at `base`.
    """

    def __init__(self, references: Any, base: Path, places: tuple[str, ...]) -> None:
        super().__init__(references, fs={}, asynchronous=True, skip_instance_cache=True)
        self._base = base
        self._urls = tuple(place for place in places if "://" in place)
        self._fences = [Fence.of(place) for place in places if "://" not in place]
        self._stores: dict[str, Any] = {}

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """The bytes of a key, or a range of them. Raises FileNotFoundError if there is no such key.

        Raises Damaged if its reference leads to nothing, or to where it may not.
        """
        target, first, stop = self._cat_common(path, start=start, end=end)
        if isinstance(target, bytes):
            return target[start:end]
        try:
            return await self._read(str(target), first, stop)
        except Exception as error:
            if is_for_users(error) and not isinstance(error, FileNotFoundError):
                raise
            raise Damaged(f"{path!r} refers to what cannot be read: restore it, or write the references again") from error

    async def _read(self, target: str, first: int | None, stop: int | None) -> bytes:
        if first is not None and stop is not None and stop - first > LARGEST_TEXT:
            raise Damaged(f"a reference has {stop - first} bytes, at most {LARGEST_TEXT} are read")
        scheme, colon, rest = target.partition("://")
        if not colon or scheme in LOCAL:
            return await asyncio.to_thread(self._read_file, rest if colon else target, first, stop)
        plain = urlsplit(target)._replace(query="").geturl()
        if not target.startswith(self._urls) or STEPS.search(unquote(plain.partition("://")[2])):
            raise Damaged(f"a reference leads to {scheme}://{urlsplit(target).hostname}, where it may not: {HOW}")
        store = self._store(scheme)
        if first is None or stop is None:
            size = (await store._info(target))["size"]
            first, stop = first or 0, size if stop is None else stop
            if stop - first > LARGEST_TEXT:
                raise Damaged(f"a reference has {stop - first} bytes, at most {LARGEST_TEXT} are read")
        body: bytes = await store._cat_file(target, start=first, end=stop)
        if len(body) != stop - first:
            raise Damaged(f"a reference has {stop - first} bytes, and its object only {len(body)} there; restore it from a copy")
        return bytes(body)

    def _read_file(self, target: str, first: int | None, stop: int | None) -> bytes:
        path = os.path.realpath(self._base / target)
        fence = next((fence for fence in self._fences if fence.holds(path)), None)
        if fence is None:
            raise Damaged(f"a reference leads to a file where it may not: {HOW}")
        with fence.opened(path) as file:
            return self._part(file, first or 0, stop)

    def _part(self, file: FileIO, first: int, stop: int | None) -> bytes:
        nbytes = (os.fstat(file.fileno()).st_size if stop is None else stop) - first
        if nbytes > LARGEST_TEXT:
            raise Damaged(f"a reference has {nbytes} bytes, at most {LARGEST_TEXT} are read")
        return read_exactly(file, first, nbytes)

    def _store(self, scheme: str) -> Any:
        """The file system of obstore's for the objects of a scheme."""
        found = self._stores.get(scheme)
        if found is None:
            options = {"client_options": {"allow_http": True}} if scheme == "http" else {}
            make = partial(require("obstore.fsspec", "remote").FsspecStore, scheme, asynchronous=True, skip_instance_cache=True)
            found = self._stores[scheme] = make(**options)
        return found
