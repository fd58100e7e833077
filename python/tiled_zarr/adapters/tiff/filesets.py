"""Files that are one image together: OME-TIFF sets, each file behind the fence, and all of them in one revision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b

from ...nodes import Damaged
from ..common import dependencies
from ..common.snapshot import Snapshot
from . import omexml

MOST_FILES = 10_000
"""Files of a set; reading the headers of so many takes about ten seconds."""
NO_FILE = f"{os.devnull}/none"
"""No file can have this path: it stands for what must not be opened."""


@dataclass(frozen=True, slots=True)
class FileSet:
    """The file that was opened, all files of its image by their real paths, and the names of those that are missing, by theirs.

    `xml` is the OME-XML with paths in place of names; it is empty where the file is an image by itself.
    """

    snapshot: Snapshot
    members: Mapping[str, Snapshot]
    missing: Mapping[str, str]
    xml: str = ""

    @classmethod
    def alone(cls, snapshot: Snapshot) -> FileSet:
        """A file that is an image by itself."""
        return cls(snapshot, {}, {})

    @classmethod
    def described(cls, snapshot: Snapshot, xml: str) -> FileSet:
        """The set of files that the OME-XML of a file names. Opens each behind the fence, and reads none. Raises Damaged if it is too many.

        Only plain names count, which are looked for beside the file itself. What is refused there is missing.
        """
        own = os.path.realpath(snapshot.path)
        names = omexml.other_files(xml, os.path.basename(own))  # noqa: PTH119 - texts all the way
        if not names:
            return cls.alone(snapshot)
        if len(names) > MOST_FILES:
            raise Damaged(f"its OME-XML names {len(names):,} files, and a set may have {MOST_FILES:,}; split it")
        found = {name: beside(snapshot, _path(own, name)) if _is_plain(name) else None for name in names}
        missing = {_path(own, name): name for name, member in found.items() if member is None}
        paths = {name: NO_FILE if member is None else os.path.realpath(member.path) for name, member in found.items()}
        members = {own: snapshot, **{paths[name]: member for name, member in found.items() if member is not None}}
        if len({os.path.basename(path) for path in members}) < len(members):  # noqa: PTH119 - tifffile tells them apart by these names
            raise Damaged("links in its set of files lead to files of the same name in other folders; copy them into one folder")
        return cls(snapshot, members, missing, omexml.with_paths(xml, paths))

    @property
    def revision(self) -> Callable[[], str | None]:
        """The revision function of what is read from all files; it changes too where a missing one appears."""
        return self._revision if self.xml else self.snapshot.revision

    @property
    def taken(self) -> str:
        """The revisions of all files as they were when they were opened."""
        return "+".join(member.taken for member in self.members.values()) or self.snapshot.taken

    def check(self) -> None:
        """Raises Changed where one of the files is another by now, OSError where it is gone."""
        for member in self.members.values():
            member.check()

    def snapshot_of(self, path: str) -> Snapshot:
        """The snapshot of the member with a real path."""
        return self.members[path] if self.xml else self.snapshot

    def _revision(self) -> str | None:
        return combined([*self.members.values()], self.missing)


def combined(snapshots: Iterable[Snapshot], missing: Iterable[str] = ()) -> str | None:
    """One revision of several files, of which some may be missing; None if one of them has none."""
    texts: list[str] = []
    for revision in [*(snapshot.revision() for snapshot in snapshots), *map(dependencies.revision_of, missing)]:
        if revision is None:
            return None
        texts.append(revision)
    return texts[0] if len(texts) == 1 else blake2b("+".join(texts).encode(), digest_size=12).hexdigest()


@contextmanager
def unchanged(snapshots: Iterable[Snapshot]) -> Iterator[None]:
    """What is read inside is given out only if all of these files stayed the same."""
    with ExitStack() as stack:
        for snapshot in snapshots:
            stack.enter_context(snapshot.unchanged())
        yield


def beside(snapshot: Snapshot, path: str) -> Snapshot | None:
    """A file to which another one leads, or None where there is none that may be opened. Whoever keeps the node is told of it."""
    try:
        found = snapshot.beside(path)
    except OSError:
        found = None
    dependencies.note(path, found.taken if found else dependencies.revision_of(path))
    return found


def first_file(snapshot: Snapshot, xml: str, names_in: Callable[[Snapshot], tuple[str, ...]]) -> str | None:
    """The name of another file in the same folder that comes before this one in their set, and names it too; None if there is none.

    `names_in` returns the names of files in the OME-XML of a file.
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
    """Whether a name is no path."""
    return os.path.basename(name) == name  # noqa: PTH119
