"""Data of an HDF5 file that lie in other files.

These files must be in the served folder, and none may be missing: the library silently reads fill
values for a missing source; we raise Damaged. A series of numbered sources (`%b`) ends before the
first that is missing. https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d__u_g.html
(virtual datasets)
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import Damaged, Unavailable
from ..common.extras import require
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot
from .descriptions import ExternalLink, Source, Sources, Wanted
from .files import FILES
from .growing import Growing, snapshot_of
from .items import read_open
from .links import locate

Object: TypeAlias = tuple[str, int]
"""The revision of a file, and an address in it."""

LINK = "a virtual dataset with a link"
MOST_BLOCKS = 65_536
"""Source datasets of one virtual dataset, at most."""
NUMBERED = re.compile(r"(?<!%)(%%)*%b")
PERCENT = re.compile("%[%b]")
"""The escapes in names of sources: `%b` is the number of a block, `%%` a percent sign."""


def beside(snapshot: Snapshot, name: str, what: str) -> Snapshot:
    """A file that another file names, relative to the folder of the latter.

    `what` begins the error message. Raises Damaged if the file is missing, or not served.
    """
    if isinstance(snapshot, Ranged):
        return snapshot if name == snapshot.path else snapshot.beside(name)
    target = _path(snapshot, name)
    shown = Path(name).name
    # before we open it: the reply must not reveal if it exists
    if not snapshot.fence.holds(os.path.realpath(target)):
        raise Damaged(f"{what} to the file {shown!r} outside of the folder that is served, which is not followed; copy the file into it")
    try:
        return snapshot_of(target, snapshot.fence, snapshot.given)
    except FileNotFoundError as error:
        raise Damaged(f"{what} to the file {shown!r}, which is missing; put it back where the link leads") from error


def linked(snapshot: Snapshot, name: str) -> Snapshot:
    """The file of an external link. That of an object is one in its folder, or below.

    Raises Damaged if it is missing, or not served.
    """
    if not isinstance(snapshot, Ranged):
        return beside(snapshot, name, "a link")
    where, shown = posixpath.normpath(name), posixpath.basename(name)
    if posixpath.isabs(where) or where.startswith(".."):
        raise Damaged(
            f"a link to the file {shown!r} outside of the folder of {snapshot.name!r}, which is not followed; copy the file into it"
        )
    try:
        return Ranged.at(snapshot.origin.beside(where), snapshot.given)
    except FileNotFoundError as error:
        raise Damaged(f"a link to the file {shown!r}, which is missing; put it back where the link leads") from error


def _path(snapshot: Snapshot, name: str) -> str:
    return os.path.join(os.path.dirname(snapshot.path), name)  # noqa: PTH118, PTH120 - an absolute name stays what it is


def sources(snapshot: Snapshot, dataset: Any) -> Sources:
    """The files of all sources of a virtual dataset, directly or through other virtual datasets.

    Raises Damaged if a file is missing or lacks its dataset, Elsewhere if the data of a source lie
    in raw files.
    """
    found = Gathered({}, [], {}, [])
    try:
        found.gather(snapshot, dataset)
    except Unavailable as why:
        raise Elsewhere(str(why)) from why
    return Sources(tuple(map(Source.of, found.files.values())), tuple(found.awaited))


class Elsewhere(Unavailable):
    """A virtual dataset has no form in Zarr as long as the files of its sources are as they are."""


class Gathered(NamedTuple):
    """What we have found of a virtual dataset's sources so far.

    `files` are the source files by path, `awaited` the paths of the next files of numbered series,
    `seen` the datasets that we have visited. `above` are the objects that we are inside of: the
    library crashes on a virtual dataset that is a source of itself.
    """

    files: dict[str, Snapshot]
    awaited: list[str]
    seen: dict[tuple[str, str], Object]
    above: list[Object]

    def gather(self, snapshot: Snapshot, dataset: Any) -> None:
        """Add the sources of an open virtual dataset."""
        own = snapshot.path
        self.above.append(_object(snapshot, dataset))
        for name, where in sorted({(source.file_name, source.dset_name) for source in dataset.virtual_sources()}):
            if NUMBERED.search(name) or NUMBERED.search(where):
                self._add_numbered(snapshot, own, name, where)
            else:
                file = own if name == "." else _numbered(name, 0)
                self._add(beside(snapshot, file, LINK), _numbered(where, 0))
        self.above.pop()

    def _add_numbered(self, snapshot: Snapshot, own: str, name: str, where: str) -> None:
        """Add the blocks of a numbered series up to the first missing one, as the library does."""
        if name != "." and isinstance(snapshot, Ranged):
            beside(snapshot, name, LINK)
        for number in range(MOST_BLOCKS):
            file = own if name == "." else _numbered(name, number)
            target = _path(snapshot, file)
            if file != own and not os.path.lexists(target):
                self.awaited.append(target)
                return
            source = beside(snapshot, file, LINK)
            if not self._add(source, _numbered(where, number), is_last=True):
                return
        raise Unavailable(f"a virtual dataset over more than {MOST_BLOCKS:,} blocks")

    def _add(self, snapshot: Snapshot, where: str, *, is_last: bool = False) -> bool:
        """Add a source and its own sources; False if the source is missing and `is_last` is true.

        `is_last` says that the source may be the end of a series. If it is false, a missing source
        raises Damaged.
        """
        self.files[snapshot.path] = snapshot
        if (snapshot.path, where) in self.seen:
            self._check_cycle(self.seen[snapshot.path, where])
            return True
        if len(self.seen) == MOST_BLOCKS:
            raise Unavailable(f"a virtual dataset over more than {MOST_BLOCKS:,} others")
        with FILES.opened(snapshot) as file:
            try:
                source = locate(file, where)
            except Damaged as error:
                if is_last:
                    return False
                raise Damaged(f"a virtual dataset: its source {snapshot.name!r} has no {where!r}") from error
            if isinstance(source, ExternalLink):
                return self._add(beside(snapshot, source.file, LINK), source.where, is_last=is_last)
            self.seen[snapshot.path, where] = _object(snapshot, source)
            self._check_cycle(self.seen[snapshot.path, where])
            if source.external:
                raise Unavailable("a virtual dataset over one whose data lie in raw files; copy them into the HDF5 file")
            if source.is_virtual:
                self.gather(snapshot, source)
        return True

    def _check_cycle(self, source: Object) -> None:
        if source in self.above:
            raise Damaged("a virtual dataset that is a source of itself; write it again")


def _object(snapshot: Snapshot, dataset: Any) -> Object:
    h5py = require("h5py", "hdf5")
    return snapshot.taken, int(h5py.h5o.get_info(dataset.id).addr)


def _numbered(name: str, number: int) -> str:
    """The name of a block's source: the number for `%b`, a percent sign for `%%`.

    >>> _numbered("part_%b.h5", 3), _numbered("100%%_%b", 3)
    ('part_3.h5', '100%_3')
    """
    return PERCENT.sub(lambda match: str(number) if match[0] == "%b" else "%", name)


def read(sources: Sequence[Snapshot], snapshot: Snapshot, wanted: Wanted) -> np.ndarray[Any, Any]:
    """A region of a virtual dataset.

    The library opens the sources together with their file. So that it keeps none of them open, we
    close the other files first. If one of these files is being written, all of them must open
    beside their writers, and the dataset's file is opened only for this call.
    """
    is_growing = any(isinstance(one, Growing) for one in (snapshot, *sources))
    for source in sources:
        source.check()
        if source.path != snapshot.path:
            FILES.close(source.path)
            if is_growing:
                with FILES.as_reader(source):
                    pass
    with FILES.as_reader(snapshot) if is_growing else FILES.opened(snapshot) as file:
        block = read_open(locate(file, wanted.where), wanted.is_text, wanted.region)
        for source in sources:
            source.check()
        return block


def revision(snapshot: Snapshot, sources: Sequence[Snapshot], awaited: Sequence[str] = ()) -> Callable[[], str | None]:
    """The revision function of a virtual dataset: its file's and all sources' revisions, joined.

    It also changes when the next file of a numbered series appears. It returns None if one of the
    files is being written.
    """
    parts = [snapshot.revision, *[source.revision for source in sources if source.path != snapshot.path]]
    parts += [partial(_arrival, path) for path in awaited]
    return parts[0] if len(parts) == 1 else partial(_all_of, parts)


def _all_of(parts: Sequence[Callable[[], str | None]]) -> str | None:
    revisions = [revision for part in parts if (revision := part()) is not None]
    return "+".join(revisions) if len(revisions) == len(parts) else None


def _arrival(path: str) -> str:
    return "come" if os.path.lexists(path) else ""
