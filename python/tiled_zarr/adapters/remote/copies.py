"""Copies of objects that cannot be read by ranges, as files in the folder for temporary files.

All copies of a store together have at most `Terms.copy` bytes. The one used longest ago is deleted
for a new one. Whoever still reads from it gets Changed, and asks again.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ...nodes import Array, Changed, Node, Revision, TooLarge
from ...resources import Resources
from ..common.fences import Fence
from ..common.snapshot import Snapshot, taken_as
from ..registry import Adapter
from .clients import Client
from .objects import Version


class Copy:
    """A version of an object as a file at `path`, in a folder whose name no other copy has."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.nbytes = version.size
        self.is_dropped = False
        self.folder = Path(tempfile.mkdtemp(prefix="tiled-zarr-"))
        self.path = self.folder / version.name
        self._end = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def write(self) -> None:
        """Copy the object. Raises Changed if it has another version now."""
        with self.path.open("wb") as file:
            self.version.client.copy(self.version.where.key, self.version.seen, file.write)

    def drop(self) -> None:
        """Delete the file."""
        self.is_dropped = True
        self._end()

    def revision(self) -> str | None:
        """The revision of the object, without waiting."""
        return self.version.looked()

    def snapshot(self, taken: Snapshot) -> Snapshot:
        """The snapshot of a file as that of the object, if the file is the copy."""
        return Copied(taken.path, taken.taken, taken.fence, taken.faults, taken.given, copy=self) if taken.path == str(self.path) else taken


@dataclass(frozen=True, slots=True)
class Copied(Snapshot):
    """A copy; its nodes have the revision of the object."""

    copy: Copy = field(kw_only=True)

    def _revision(self) -> str | None:  # type: ignore[override] # None until a look is made again
        return self.copy.revision()

    def check(self, opened: str | int | None = None) -> None:
        """Check that the copy is still there. Raises Changed if it is not."""
        if self.copy.is_dropped:
            raise Changed(f"the copy of {self.name!r} was deleted; ask again")
        Snapshot.check(self, opened)


def copy_of(version: Version) -> Copy:
    """The copy of a version, made now if there is none.

    Raises TooLarge if it has more bytes than all copies may have, and what `Client.copy` raises.
    """
    client = version.client
    if version.size > client.terms.copy:
        raise TooLarge(
            f"{version.name!r} has {version.size >> 20} MiB and is copied whole, at most {client.terms.copy >> 20} MiB are: "
            "raise the setting remote_copy, or store it as Zarr, TIFF, NPY or Parquet, which are read in parts"
        )
    name = (version.where.key, version.taken)
    found: Copy | None = client.copies.peek(name)
    return found or client.copies.flights.of(name, partial(_made, client, name, version))


def _made(client: Client, name: tuple[str, str], version: Version) -> Copy:
    found: Copy | None = client.copies.peek(name)
    if found is not None:
        return found  # another thread has made it just before
    for _, old in client.copies.make_room(version.size):
        old.drop()
    made = Copy(version)
    made.write()
    for _, old in client.copies.keep(name, made):
        old.drop()
    return made


def opened(copy: Copy, adapter: Adapter, resources: Resources | None) -> Node:
    """The node that an adapter makes of a copy."""
    with Fence.of(copy.folder).in_force(), taken_as(copy.snapshot):
        node = adapter(copy.path, resources)
    if node.revision() == copy.revision():
        return node
    return replace(node, revision=Revision(copy.revision)) if isinstance(node, Array) else replace(node, revision=copy.revision)
