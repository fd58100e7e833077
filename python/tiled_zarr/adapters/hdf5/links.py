"""Finds the object at a path inside a file, link by link.

We resolve soft links ourselves: the library would follow one through an external link, and so open
any file that the link names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ...nodes import Damaged, Unavailable
from ..common.extras import require
from .descriptions import ExternalLink

MOST_LINKS = 64
"""Soft links that we follow for one path; a cycle ends here."""
DAMAGED = "is damaged: the HDF5 library cannot read it; restore the file from a copy"


def encoded(where: str) -> bytes:
    """A path or name as the file spells it."""
    return where.encode("utf-8", "surrogateescape")


def decoded(name: bytes) -> str:
    """A path or name from a file as text; `encoded` reverses it exactly."""
    return name.decode("utf-8", "surrogateescape")


def locate(group: Any, where: str) -> Any:
    """The h5py object at a path, relative to an open group or file.

    If an external link is on the way, returns the ExternalLink. Raises Damaged if there is no such
    object, Unavailable for named data types and user-defined links.
    """
    h5py = require("h5py", "hdf5")
    try:
        above = h5py.h5g.open(group.id, b"/") if isinstance(group, h5py.File) else group.id
        found = _followed(above, encoded(where))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        what = "is not there, or is a link that leads nowhere; write it again" if "doesn't exist" in str(error) else DAMAGED
        raise Damaged(f"{where!r} {what}") from error
    match found:
        case h5py.h5g.GroupID():
            return h5py.Group(found)
        case h5py.h5d.DatasetID():
            return h5py.Dataset(found)
        case ExternalLink():
            return found
    raise Unavailable("a named data type, which holds no data")


def _followed(above: Any, where: bytes) -> Any:
    """The identifier of the object at a path.

    If the path goes on behind an external link, returns an ExternalLink to the end of the path.
    """
    h5py = require("h5py", "hdf5")
    found, soft_links, waiting = above, 0, _parts(where)
    while waiting:
        if not isinstance(found, h5py.h5g.GroupID):
            raise Damaged("a link leads through something that is no group; write it again")
        name = waiting.pop()
        link = found.links.get_info(name)
        if link.type == h5py.h5l.TYPE_HARD:
            found = h5py.h5o.open(found, name)
        elif link.type == h5py.h5l.TYPE_SOFT:
            soft_links += 1
            if soft_links > MOST_LINKS:
                raise Damaged(f"more than {MOST_LINKS} soft links, one after the other; let the first one lead to data")
            target = found.links.get_val(name)
            waiting += _parts(target)
            if target.startswith(b"/"):
                found = h5py.h5g.open(found, b"/")
        elif link.type == h5py.h5l.TYPE_EXTERNAL:
            file, target = found.links.get_val(name)
            return ExternalLink(decoded(file), decoded(b"/".join([target, *reversed(waiting)])))
        else:
            raise Unavailable("a link of a user-defined kind, which only the program that made it can follow")
    return found


def headers(group: Any, names: Iterable[str]) -> Iterator[int]:
    """The byte offsets in the file of the headers of some members of an open group.

    Members that are linked in another way, or not to be found, are left out.
    """
    h5py = require("h5py", "hdf5")
    base = group.file.userblock_size
    for name in names:
        with suppress(KeyError, RuntimeError, ValueError):
            link = group.id.links.get_info(encoded(name))
            if link.type == h5py.h5l.TYPE_HARD:
                yield base + link.u


def _parts(where: bytes) -> list[bytes]:
    """The names in a path, last one first."""
    return [part for part in reversed(where.split(b"/")) if part not in (b"", b".")]
