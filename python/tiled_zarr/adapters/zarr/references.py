"""Hierarchies of kerchunk: each value of a Zarr store is a range of another object.

https://fsspec.github.io/kerchunk/spec.html

fsspec reads the references, a JSON file or a folder of Parquet files, and zarr-python reads the
hierarchy by them; both are maintained with the format. Fsspec alone would read whatever a reference
names, with the rights of the server: /etc/passwd, or an address inside its network. So a reference
may lead only to the places of the setting `references`; without them nothing is opened. What it
names but nobody can read is an error, never a chunk that was not written.

A local file is opened behind the fence of its place, another object by obstore. References that lie
in a store lead to no local files; other objects are read as they are, by ranges of one version.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec.implementations.reference as kerchunk  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from zarr.storage import FsspecStore

from ...nodes import Damaged, Node
from ...resources import IN_FLIGHT, Resources, default
from ..common import fences
from ..common.bounds import LARGEST_TEXT
from ..common.extras import require
from ..common.fences import Fence
from ..common.ranged import MOST_AT_ONCE, Ranged
from ..common.snapshot import Elsewhere, is_for_users, read_exactly
from .objects import adapt_store

LARGEST = 256 * 1024 * 1024
"""Bytes of a JSON file of references that we read, at most; about two million references."""
HOW = (
    "its references lead to other files or objects; say which places they may lead to, as in --references s3://BUCKET/ "
    "or `references: [/data/raw]` in the configuration"
)
STEPS = re.compile(r"(^|/)\.{1,2}(/|$)")
"""Parts of a path that lead elsewhere."""
DAMAGED = "the references of {!r} cannot be read as Parquet: write them again, or restore them from a copy"
LOCAL = frozenset({None, "", "file", "local"})


def open_references(path: Path | Elsewhere, resources: Resources | None = None) -> Node:
    """The hierarchy of a JSON file of references, or of a folder of Parquet files.

    Raises Damaged if the settings name no places, or if these are no references.
    """
    places = (resources or default()).fetching.references
    if not places:
        raise Damaged(HOW)
    try:
        files = _there(path, places, resources) if isinstance(path, Elsewhere) else _here(path, places)
    except Exception as error:
        if is_for_users(error):
            raise
        raise Damaged(f"{path.name!r} cannot be read as references of kerchunk: write it again, or restore it from a copy") from error
    return adapt_store(FsspecStore(files, read_only=True, path=""), resources)


def _here(path: Path, places: tuple[str, ...]) -> Confined:
    """The references of a local file or folder."""
    if path.is_dir():
        return Confined(Records(os.fspath(path), fs=LocalFileSystem(), engine="pyarrow"), path.parent, places)
    return Confined(_references(fences.around(path).read(path, LARGEST)), path.parent, places)


def _there(there: Elsewhere, places: tuple[str, ...], resources: Resources | None) -> Confined:
    """The references of an object, or of a prefix."""
    if there.is_folder:
        return ConfinedThere(Records(there.name, fs=Parts(there, resources), engine="pyarrow"), there, places, resources)
    return ConfinedThere(_references(content(there, resources)), there, places, resources)


def content(there: Elsewhere, resources: Resources | None) -> bytes:
    """All bytes of an object; some requests are under way at once."""
    snapshot = there.snapshot(resources)
    assert isinstance(snapshot, Ranged)
    if snapshot.size > LARGEST:
        raise Damaged(f"{there.name!r} has {snapshot.size} bytes, at most {LARGEST} are read as references")
    starts = range(0, snapshot.size, MOST_AT_ONCE)
    return b"".join(snapshot.read([(start, min(start + MOST_AT_ONCE, snapshot.size)) for start in starts]))


class Records(kerchunk.LazyReferenceMapper):  # type: ignore[misc] # fsspec has no types
    """The references in a folder of Parquet files, which are read one by one as they are needed.

    Fsspec would read them by fastparquet; our tables need pyarrow anyway. It takes the references of
    a file that pyarrow cannot read for absent, which readers take for chunks of zeros: here they are
    errors. A file that is not there has no references, since none is written for chunks without data.
    """

    def setup(self) -> None:
        """Read the documents."""
        super().setup()
        found: Callable[[str, int], Any] = self.open_refs

        @lru_cache(maxsize=self.cache_size)
        def open_refs(field: str, record: int) -> Any:
            try:
                references = found(field, record)
            except Exception as error:
                if is_for_users(error):
                    raise
                raise Damaged(DAMAGED.format(field)) from error
            if references is None:
                raise Damaged(DAMAGED.format(field))
            return references

        self.open_refs: Callable[[str, int], Any] = open_refs


class Parts:
    """What `Records` needs of a file system, for the objects below a prefix."""

    def __init__(self, folder: Elsewhere, resources: Resources | None) -> None:
        self._folder = folder
        self._resources = resources

    def unstrip_protocol(self, path: str) -> str:
        """Nothing is written there."""
        return path

    def cat_file(self, path: str) -> bytes:
        """The bytes of an object, by its path from where the folder is."""
        return content(self._folder.beside(path), self._resources)


def _references(body: bytes) -> dict[str, Any]:
    """The content of a JSON file. Raises ValueError if it is no object of JSON."""
    found = json.loads(body)
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

    async def _ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """What is in a group. zarr-python asks for names, with a slash before the path.

        Fsspec has no such path, and fails for a group without members in Parquet files.
        """
        if detail:
            return list(await super()._ls(path, detail, **options))
        try:
            return [f"/{name}" for name in await super()._ls(path.strip("/"), detail, **options)]
        except KeyError:
            return []

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """The bytes of a key, or a range of them. Raises FileNotFoundError if there is no such key.

        Raises Damaged if its reference leads to nothing, or to where it may not.
        """
        target, first, stop = await self._located(path, start, end)
        if isinstance(target, bytes):
            return target[start:end]
        try:
            return await self._read(str(target), first, stop)
        except Exception as error:
            if is_for_users(error) and not isinstance(error, FileNotFoundError):
                raise
            raise Damaged(f"{path!r} refers to what cannot be read: restore it, or write the references again") from error

    async def _located(self, path: str, start: int | None, end: int | None) -> tuple[Any, Any, Any]:
        """What a key refers to, with a range of it. Raises FileNotFoundError if there is no such key."""
        found: tuple[Any, Any, Any] = self._cat_common(path, start=start, end=end)
        return found

    async def _read(self, target: str, first: int | None, stop: int | None) -> bytes:
        if first is not None and stop is not None and stop - first > LARGEST_TEXT:
            raise Damaged(f"a reference has {stop - first} bytes, at most {LARGEST_TEXT} are read")
        scheme, colon, rest = target.partition("://")
        if not colon or scheme in LOCAL:
            return await asyncio.to_thread(self._read_file, rest if colon else target, first, stop)
        self._check_place(target)
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

    def _check_place(self, url: str) -> None:
        """Raises Damaged if a URL leads to none of the places."""
        parts = urlsplit(url)
        plain = parts._replace(query="").geturl()
        if not url.startswith(self._urls) or STEPS.search(unquote(plain.partition("://")[2])):
            raise Damaged(f"a reference leads to {parts.scheme}://{parts.hostname}, where it may not: {HOW}")

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


class ConfinedThere(Confined):
    """References that lie in a store; paths in them begin in the folder of `there`."""

    def __init__(self, references: Any, there: Elsewhere, places: tuple[str, ...], resources: Resources | None) -> None:
        super().__init__(references, Path(), places)
        self._there = there
        self._resources = resources
        self._threads = ThreadPoolExecutor(IN_FLIGHT, "references")

    async def _located(self, path: str, start: int | None, end: int | None) -> tuple[Any, Any, Any]:
        find = partial(self._cat_common, path, start=start, end=end)  # it may read a file of references
        return await asyncio.get_running_loop().run_in_executor(self._threads, find)

    async def _read(self, target: str, first: int | None, stop: int | None) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_object, target, first, stop)

    def _read_object(self, target: str, first: int | None, stop: int | None) -> bytes:
        snapshot = self._target(target).snapshot(self._resources)
        assert isinstance(snapshot, Ranged)
        first, stop = first or 0, snapshot.size if stop is None else stop
        if stop - first > LARGEST_TEXT:
            raise Damaged(f"a reference has {stop - first} bytes, at most {LARGEST_TEXT} are read")
        return snapshot.read([(first, stop)])[0]

    def _target(self, target: str) -> Elsewhere:
        """What a reference names. Raises Damaged if it may not lead there."""
        scheme, colon, _ = target.partition("://")
        if target.startswith("/") or (colon and scheme in LOCAL):
            raise Damaged("references in a store may not lead to local files")
        if colon:
            self._check_place(target)
            return self._there.at(target, self._resources)
        found = self._there.beside(target)
        self._check_place(found.address)
        return found
