"""OME-TIFF sets: several files that are one image, each inside the fence, with one revision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ...nodes import Damaged, Unavailable
from ...revisions import joined
from ..common import dependencies
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot
from . import omexml

MOST_FILES = 10_000
"""Files of a set at most; reading the headers of this many takes about ten seconds."""
NO_FILE = f"{os.devnull}/none"
"""A path that no file can have, in place of a file that must not be opened."""


@dataclass(frozen=True, slots=True)
class FileSet:
    """The file that was opened, and the other files of its image.

    `members` has the files by their real paths; `missing` has, by path, the names of files that are
    not there. `xml` is the OME-XML with paths instead of names; it is empty if the file is an image
    by itself.
    """

    snapshot: Snapshot
    members: Mapping[str, Snapshot]
    missing: Mapping[str, str]
    xml: str = ""

    @classmethod
    def alone(cls, snapshot: Snapshot) -> FileSet:
        """The set of a file that is an image by itself."""
        return cls(snapshot, {}, {})

    @classmethod
    def described(cls, snapshot: Snapshot, xml: str) -> FileSet:
        """The set of files that the OME-XML of a file names.

        Opens each inside the fence, and reads none.

        Only names without a path count, and we look for them beside the file itself. A file that
        the fence refuses is missing. Raises Damaged if there are more than MOST_FILES, or two of
        the same name, and Unavailable in a store.
        """
        own = os.path.realpath(snapshot.path)
        names = omexml.other_files(xml, os.path.basename(own))  # noqa: PTH119 - strings throughout
        if not names:
            return cls.alone(snapshot)
        if isinstance(snapshot, Ranged):
            raise Unavailable("a set of files in a store, of which each is served by itself")
        if len(names) > MOST_FILES:
            raise Damaged(f"its OME-XML names {len(names):,} files, and a set may have {MOST_FILES:,}; split it")
        found = {name: beside(snapshot, _path(own, name)) if _is_plain(name) else None for name in names}
        missing = {_path(own, name): name for name, member in found.items() if member is None}
        paths = {name: NO_FILE if member is None else os.path.realpath(member.path) for name, member in found.items()}
        members = {own: snapshot, **{paths[name]: member for name, member in found.items() if member is not None}}
        if len({os.path.basename(path) for path in members}) < len(members):  # noqa: PTH119 - tifffile distinguishes them by these names
            raise Damaged("links in its set of files lead to files of the same name in other folders; copy them into one folder")
        return cls(snapshot, members, missing, omexml.with_paths(xml, paths))

    @property
    def revision(self) -> Callable[[], str | None]:
        """The revision function of all files; it changes too when a missing file appears."""
        return self._revision if self.xml else self.snapshot.revision

    @property
    def taken(self) -> str:
        """The revisions that the files had when they were opened."""
        return "+".join(member.taken for member in self.members.values()) or self.snapshot.taken

    def check(self) -> None:
        """Raise Changed if one of the files has changed, OSError if it has gone."""
        for member in self.members.values():
            member.check()

    def snapshot_of(self, path: str) -> Snapshot:
        """The snapshot of the member with this real path."""
        return self.members[path] if self.xml else self.snapshot

    def _revision(self) -> str | None:
        return combined([*self.members.values()], self.missing)


def combined(snapshots: Iterable[Snapshot], missing: Iterable[str] = ()) -> str | None:
    """One revision for several files, some of which may be missing; None if one has no revision."""
    texts: list[str] = []
    for revision in [*(snapshot.revision() for snapshot in snapshots), *map(dependencies.revision_of, missing)]:
        if revision is None:
            return None
        texts.append(revision)
    return joined(texts)


@contextmanager
def unchanged(snapshots: Iterable[Snapshot]) -> Iterator[None]:
    """Raise at the end of the block if one of the files has changed inside it."""
    with ExitStack() as stack:
        for snapshot in snapshots:
            stack.enter_context(snapshot.unchanged())
        yield


def beside(snapshot: Snapshot, path: str) -> Snapshot | None:
    """Another file to which this one refers; None if there is none that may be opened.

    The file is noted as a dependency of the node that is being opened.
    """
    try:
        found = snapshot.beside(path)
    except OSError:
        found = None
    dependencies.note(path, found.taken if found else dependencies.revision_of(path))
    return found


def first_file(snapshot: Snapshot, xml: str, names_in: Callable[[Snapshot], tuple[str, ...]]) -> str | None:
    """The name of another file that comes before this one in their common set; None if none does.

    It is a file of the same folder, and it must name this one too. `names_in` returns the names of
    files in the OME-XML of a file.
    """
    own = os.path.basename(snapshot.path)  # noqa: PTH119
    for name in omexml.files(xml):
        if name.lower() == own.lower():
            return None
        found = beside(snapshot, _path(snapshot.path, name)) if _is_plain(name) else None
        if found is not None and own in names_in(found):
            return name
    return None


def _path(own: str, name: str) -> str:
    return os.path.join(os.path.dirname(own), name)  # noqa: PTH118, PTH120


def _is_plain(name: str) -> bool:
    """Whether a name has no folder."""
    return os.path.basename(name) == name  # noqa: PTH119
