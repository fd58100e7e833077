"""Open files, groups and datasets of h5py, and of h5netcdf, which holds such ones.

What was opened for reading from a file is read as that file is, by our own helpers. Anything else
(a file open for writing, or in memory) is read through h5py, whose lock lets one thread at a time
into the library.
"""

from __future__ import annotations

import posixpath
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ... import records
from ...nodes import Array, Damaged, Group, Node, Region, Unavailable
from ...resources import Resources
from ..common import fences
from ..common.children import Children
from ..common.snapshot import Snapshot
from .describing import describe, refusal
from .descriptions import ArrayDescription, ExternalLink, GroupDescription
from .items import read_items
from .links import locate
from .open import open_hdf5

ON_DISK = frozenset({"sec2", "stdio"})
"""The library's drivers of plain files."""


def adapt_object(source: Any, resources: Resources | None = None) -> Node:
    """The node of an open file, group or dataset of h5py. Raises Damaged if the file is closed."""
    if not source:
        raise Damaged("the HDF5 file is closed; open it again")
    file = source.file
    path = Path(file.filename)
    if file.mode == "r" and file.driver in ON_DISK and source.name is not None and path.is_file():
        return _inside(open_hdf5(path, resources), source.name)
    return _node(source, posixpath.basename(source.name or ""), frozenset(), resources)


def adapt_group(source: Any, resources: Resources | None = None) -> Node:
    """The node of a file or group of h5netcdf."""
    return adapt_object(_of_h5py(source._h5group), resources)


def adapt_variable(source: Any, resources: Resources | None = None) -> Node:
    """The node of a variable of h5netcdf."""
    return adapt_object(_of_h5py(source._h5ds), resources)


def _of_h5py(source: Any) -> Any:
    if not isinstance(source, h5py.Group | h5py.Dataset):
        raise Unavailable(f"an h5netcdf object of {type(source).__module__}, not of h5py; open the file with h5py")
    return source


def _inside(node: Node, where: str) -> Node:
    """The node at a path below the root group of a file."""
    for name in filter(None, where.split("/")):
        if not isinstance(node, Group):
            raise Damaged(f"{where!r} is not there any longer; open the file again")
        node = node.children[name]
    return node


def _node(source: Any, name: str, above: frozenset[int], resources: Resources | None) -> Node:
    """The node of an open object, read through h5py. Groups `above` it are known by address."""
    if isinstance(source, ExternalLink):
        raise Unavailable("a link to another file, which is not followed from a file that is open for writing")
    nowhere = _snapshot(source)
    try:
        found = describe(nowhere, name, source)
    except Exception as error:
        raise refusal(nowhere, name, error) from error
    if isinstance(found, GroupDescription):
        return _group(source, found, above, resources)
    assert isinstance(found, ArrayDescription)
    if found.lacking and found.lacking.needed:
        raise Damaged(found.lacking.reason)
    array = _array(source, found)
    return records.as_group(array, found.unavailable) if found.unavailable else array


def _group(source: Any, found: GroupDescription, above: frozenset[int], resources: Resources | None) -> Group:
    if found.address in above:
        raise Unavailable("a cycle: a link back to a group above it")
    below = above | {found.address}

    def opened(name: str) -> Node:
        return _node(locate(source, name), name, below, resources)

    return Group(Children(found.names, opened, resources), attributes=found.attributes, blocking=True, kind="source")


def _array(source: Any, found: ArrayDescription) -> Array:
    return Array(
        shape=found.shape,
        dtype=found.dtype,
        read=partial(_read, source, found.is_text),
        chunks=found.chunks,
        dimension_names=found.dimension_names,
        attributes=found.attributes,
        maxshape=found.maxshape,
    )


def _read(source: Any, is_text: bool, region: Region) -> np.ndarray[Any, Any]:
    """A region. Raises Damaged if the file was closed."""
    if not source:
        raise Damaged("the HDF5 file was closed while it was served; open it again")
    try:
        return read_items(source, is_text, region)
    except (OSError, RuntimeError, ValueError) as error:
        raise refusal(_snapshot(source), source.name or "", error) from error


def _snapshot(source: Any) -> Snapshot:
    """The file of an object without a revision: it is known for its name alone."""
    name = source.file.filename
    return Snapshot(name, "", fences.around(Path(name)))
