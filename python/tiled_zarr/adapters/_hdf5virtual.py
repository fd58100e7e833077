"""Data of an HDF5 file that lie in other files: only in the folder that is served, and never silently missing.

The library gives fill values for a source that it does not find; here that raises.
https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d__u_g.html (virtual datasets)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..nodes import Damaged, Unavailable
from ._hdf5files import FILES
from ._hdf5types import read_open
from ._snapshots import Snapshot
from .hdf5.descriptions import ExternalLink, Source, Wanted
from .hdf5.growing import Growing, snapshot_of
from .hdf5.links import locate


def beside(snapshot: Snapshot, name: str) -> Snapshot:
    """The file that a link in a file names, relative to the folder of that file. Raises Damaged for one outside of what is served."""
    target = os.path.join(os.path.dirname(snapshot.path), name)  # noqa: PTH118, PTH120 - an absolute name stays what it is
    if not snapshot.fence.holds(os.path.realpath(target)):  # before anybody learns whether it exists
        raise Damaged(f"a link to the file {Path(name).name!r} outside of the folder that is served, which is not followed")
    return snapshot_of(target, snapshot.fence)


def sources(snapshot: Snapshot, dataset: Any) -> tuple[Source, ...]:
    """The files that a virtual dataset is put together from. Raises OSError where one is missing or lacks its dataset."""
    own = dataset.file.filename
    wanted = {(source.file_name, source.dset_name) for source in dataset.virtual_sources()}
    if any("%" in name for name, _ in wanted):
        raise Unavailable("a virtual dataset over files numbered without end; name each file in it")
    snapshots = {name: beside(snapshot, own if name == "." else name) for name in sorted({name for name, _ in wanted})}
    for name, where in sorted(wanted):
        with FILES.opened(snapshots[name]) as file:
            _check_source(file, where)
    return tuple(map(Source.of, snapshots.values()))


def _check_source(file: Any, where: str) -> None:
    try:
        source = locate(file, where)
    except OSError as error:
        raise OSError(f"a virtual dataset: its source {Path(file.filename).name!r} has no {where!r}") from error
    if isinstance(source, ExternalLink) or source.is_virtual or source.external:
        raise Unavailable("a virtual dataset over another one, which is not followed")


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


def revision(snapshot: Snapshot, sources: Sequence[Snapshot]) -> Callable[[], str | None]:
    """Of the file and its sources together; None if one of them is being written."""
    parts = [snapshot.revision, *[source.revision for source in sources if source.path != snapshot.path]]
    return parts[0] if len(parts) == 1 else partial(_all_of, parts)


def _all_of(parts: Sequence[Callable[[], str | None]]) -> str | None:
    revisions = [revision for part in parts if (revision := part()) is not None]
    return "+".join(revisions) if len(revisions) == len(parts) else None
