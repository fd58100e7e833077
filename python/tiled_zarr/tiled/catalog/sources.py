"""The data of a node with a data source: opened by Tiled's adapter, and read by ours where both agree.

It is opened when it is first asked for, and again when its files have changed since. Tiled's
adapters may keep a file open, so they are made anew for a file that was rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from tiled.adapters.resource_cache import get_resource_cache
from tiled.adapters.sequence import FileSequenceAdapter
from tiled.ndslice import NDSlice

from ...adapters.memory.tiled import adapt_tiled
from ...caches.flight import Flights
from ...nodes import Damaged, Node, Region, Unavailable
from ...outlines import Source
from ...resources import Resources
from . import ours
from .assets import Assets, local_path
from .homes import Home
from .locks import passing
from .paired import Pairing
from .rows import Entry
from .stamps import period

FORMS = frozenset({"array", "container", "sparse", "table"})
"""The structure families that have a form in Zarr."""


NOT_READABLE = "that may not be read; name it with --read, or as readable_storage of Tiled's configuration"


class Opened(NamedTuple):
    """A node, and what its files were when it was opened."""

    files: str | int | None
    node: Node


def nothing() -> str:
    """The revision of what never changes."""
    return ""


class Data:
    """The data source of a node of a catalog. Thread-safe."""

    def __init__(self, entry: Entry, home: Home, resources: Resources) -> None:
        self._adapter, self._row = entry
        self._home = home
        self._resources = resources
        self._assets = Assets.of(entry.row.assets)
        self._sequence = _sequence(entry)
        self._opened: Opened | None = None
        self._opening: Flights[str | int | None, Node] = Flights(resources.abandoned)

    def node(self) -> Node:
        """The node as its files are now. Raises Unavailable for what has no form in Zarr."""
        if self._row.family not in FORMS:
            raise Unavailable(f"Zarr has no {self._row.family} arrays; known are {', '.join(sorted(FORMS))}")
        opened, files = self._opened, self._seen()
        return opened.node if opened is not None and opened.files == files else self._opening.of(files, partial(self._opened_at, files))

    def _opened_at(self, files: str | int | None) -> Node:
        opened = self._opened
        if opened is None or opened.files != files:
            with passing():
                opened = self._opened = Opened(files, self._open())
        return opened.node

    def source(self) -> tuple[Source, str] | None:
        """What shows whether the node is still the one that was opened, and how it was then.

        None if it was not opened, or may change without our noticing.
        """
        if self._row.family not in FORMS:
            return Source(nothing), ""
        opened = self._opened
        if opened is None or isinstance(opened.files, int):
            return None
        return Source(lambda: str(self._seen())), str(opened.files)

    def _seen(self) -> str | int | None:
        """What shows that the node has to be opened again.

        What is no array, and does not tell when it changes, is opened anew in each period. Nothing
        is kept of the files of a sequence.
        """
        if self._sequence:
            return ""
        revision = self._assets.revision()
        return period() if revision is None and self._row.family in {"container", "table"} else revision

    def _open(self) -> Node:
        """The node, read by our adapters if they agree with the structure; else by Tiled's."""
        self._check()
        adapters, metadata = self._adapter.context.adapters_by_mimetype, dict(self._row.metadata)
        opened = None if self._sequence else self._assets.revision()
        pairing = Pairing(self._row, self._assets, opened, self._is_at_rest, self._resources, self._files if self._sequence else None)
        found = ours.opened(self._row, adapters, self._resources)
        if found is not None and ours.is_store(self._row, adapters):
            return replace(found, attributes=metadata)
        if self._row.family == "array":
            promised = replace(adapt_tiled(self._adapter, self._resources, self._row.family), attributes=metadata)
            if pairing.agree(promised, found):
                return pairing.node(promised, found)
        self._forget()
        theirs = adapt_tiled(self._theirs(), self._resources, self._row.family)
        return pairing.node(replace(theirs, attributes=metadata), found)

    def _files(self, region: Region) -> Sequence[int] | None:
        """The numbers of the files of a sequence that hold a region; None if it may need all of them."""
        assert self._sequence is not None
        found: Sequence[int] | None = self._sequence.file_indices_for_slice(
            self._adapter.structure(), len(self._row.assets), NDSlice(*region)
        )
        return found

    def _is_at_rest(self) -> bool:
        """Whether nothing has been written to the assets lately, as far as Tiled can tell."""
        recently: Callable[[], Any] | None = getattr(self._adapter, "_assets_recently_modified", None)
        return recently is not None and self._home(recently()) is False

    def _theirs(self) -> Any:
        """Tiled's adapter of the data. Raises Damaged if it is in a database that may not be read."""
        try:
            return self._home(self._adapter.get_adapter())
        except KeyError as error:
            raise Damaged(f"its data are in {error}, {NOT_READABLE}") from error

    def _check(self) -> None:
        """Raises Damaged if a file may not be read, or is missing.

        Tiled's adapter would make a group where a Zarr array is missing.
        """
        for asset in self._row.assets:
            path = local_path(asset)
            if path is None:
                continue
            try:
                self._adapter._ensure_uri_within_readable_storage(asset.uri)
            except RuntimeError as error:
                raise Damaged(f"its file {path.name!r} is in a folder {NOT_READABLE}") from error
            if self._row.family != "table" and not path.exists():
                raise Damaged(f"its file {path.name!r} is missing; restore it, or delete the node from the catalog")

    def _forget(self) -> None:
        """Let Tiled's adapters open files anew: they share opened ones for a minute."""
        paths = {path for asset in self._row.assets if (path := local_path(asset)) is not None}
        cache = get_resource_cache()
        for key in [key for key in list(cache) if key[-1] in paths]:
            cache.pop(key, None)


def _sequence(entry: Entry) -> type[FileSequenceAdapter] | None:
    """The class of Tiled's adapter for a sequence of files, each of which it opens for each read; else None.

    The files have to be stacked in the order of their numbers.
    """
    row = entry.row
    found = None if row.source is None else entry.adapter.context.adapters_by_mimetype.get(row.source[1])
    is_stacked = len(row.assets) > 1 and all(asset.parameter == "data_uris" for asset in row.assets)
    return found if is_stacked and isinstance(found, type) and issubclass(found, FileSequenceAdapter) else None
