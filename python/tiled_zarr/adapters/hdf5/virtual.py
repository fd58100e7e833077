"""Data of an HDF5 file that lie in other files: only in the folder that is served, and never silently missing.

The library gives fill values for a source that it does not find; here that raises. A series of numbered sources (`%b`) ends before the
first that is missing.
https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d__u_g.html (virtual datasets)
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import Damaged, Unavailable
from ..common.extras import require
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
"""Source datasets of one virtual dataset."""
NUMBERED = re.compile(r"(?<!%)(%%)*%b")
PERCENT = re.compile("%[%b]")
"""How names of sources have the number of a block, and a percent sign."""


def beside(snapshot: Snapshot, name: str, what: str) -> Snapshot:
    """The file that `what` names in a file, relative to the folder of that file. Raises Damaged if it is not there, or not served."""
    target = _path(snapshot, name)
    shown = Path(name).name
    if not snapshot.fence.holds(os.path.realpath(target)):  # before anybody learns whether it exists
        raise Damaged(f"{what} to the file {shown!r} outside of the folder that is served, which is not followed; copy the file into it")
    try:
        return snapshot_of(target, snapshot.fence, snapshot.given)
    except FileNotFoundError as error:
        raise Damaged(f"{what} to the file {shown!r}, which is missing; put it back where the link leads") from error


def _path(snapshot: Snapshot, name: str) -> str:
    return os.path.join(os.path.dirname(snapshot.path), name)  # noqa: PTH118, PTH120 - an absolute name stays what it is


def sources(snapshot: Snapshot, dataset: Any) -> Sources:
    """What a virtual dataset is put together from, other virtual datasets among it.

    Raises Damaged if a file is missing or lacks its dataset, Unavailable for one whose own data lie in raw files.
    """
    found = Gathered({}, [], {}, [])
    found.gather(snapshot, dataset)
    return Sources(tuple(map(Source.of, found.files.values())), tuple(found.awaited))


class Gathered(NamedTuple):
    """The source files of a virtual dataset by their paths, those that are to come, and the datasets that were looked at.

    `above` has the objects of which the sources are being gathered: the library crashes on one that is a source of itself.
    """

    files: dict[str, Snapshot]
    awaited: list[str]
    seen: dict[tuple[str, str], Object]
    above: list[Object]

    def gather(self, snapshot: Snapshot, dataset: Any) -> None:
        """Add the sources of an open virtual dataset."""
        own = dataset.file.filename
        self.above.append(_object(snapshot, dataset))
        for name, where in sorted({(source.file_name, source.dset_name) for source in dataset.virtual_sources()}):
            if NUMBERED.search(name) or NUMBERED.search(where):
                self._add_numbered(snapshot, own, name, where)
            else:
                file = own if name == "." else _numbered(name, 0)
                self._add(beside(snapshot, file, LINK), _numbered(where, 0))
        self.above.pop()

    def _add_numbered(self, snapshot: Snapshot, own: str, name: str, where: str) -> None:
        """Add the blocks of sources that are numbered without end, up to the first one that is missing, as the library reads them."""
        for number in range(MOST_BLOCKS):
            file = own if name == "." else _numbered(name, number)
            target = _path(snapshot, file)
            if not os.path.lexists(target):
                self.awaited.append(target)
                return
            source = beside(snapshot, file, LINK)
            if not self._add(source, _numbered(where, number), is_last=True):
                return
        raise Unavailable(f"a virtual dataset over more than {MOST_BLOCKS:,} blocks")

    def _add(self, snapshot: Snapshot, where: str, *, is_last: bool = False) -> bool:
        """Add a source and its own ones; false for one that is missing, if it may be the end of a series (`is_last`), which else raises."""
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
                raise Damaged(f"a virtual dataset: its source {Path(file.filename).name!r} has no {where!r}") from error
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
    """A name with the number of a block in it.

    >>> _numbered("part_%b.h5", 3), _numbered("100%%_%b", 3)
    ('part_3.h5', '100%_3')
    """
    return PERCENT.sub(lambda match: str(number) if match[0] == "%b" else "%", name)


def read(sources: Sequence[Snapshot], snapshot: Snapshot, wanted: Wanted) -> np.ndarray[Any, Any]:
    """A region of a virtual dataset, opened for this reading, so that the library keeps no source open.

    The library opens the sources as their file is opened. Where one of these files is being written, all must open beside its writer.
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
    """Of the file and its sources together, and of those that are to come: it changes when one is there. None if one is being written."""
    parts = [snapshot.revision, *[source.revision for source in sources if source.path != snapshot.path]]
    parts += [partial(_arrival, path) for path in awaited]
    return parts[0] if len(parts) == 1 else partial(_all_of, parts)


def _all_of(parts: Sequence[Callable[[], str | None]]) -> str | None:
    revisions = [revision for part in parts if (revision := part()) is not None]
    return "+".join(revisions) if len(revisions) == len(parts) else None


def _arrival(path: str) -> str:
    return "come" if os.path.lexists(path) else ""
