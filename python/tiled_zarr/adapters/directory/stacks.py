"""A stack: the numbered files of a folder as one array, one frame a file.

A stack of 100,000 files has to open at once, and a scan writes new frames while it is served. So
its first file gives the shape and the type of all frames, and the names of the files alone their
number. The other files are opened when their chunks are asked for, and each is checked then: one
that is damaged, or that has another shape, fails with its own reason, and the stack stays. Only if
none of the first files is like the very first are they no stack, but the children of a group.

The chunk grid is that of a frame alone, with 1 in front. It does not depend on the number of
frames, which may grow without limit.

The revision of a region covers the names and revisions of its own files, so a chunk costs one
`stat`, and a deleted file, which moves all frames after it, changes the tags of these. The revision
of the whole covers all files. It is asked for in the event loop, so a stack of more than MOST_SEEN
files has none: then its documents have the tags of their content, and levels of its images are not
kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ... import grid
from ...attributes import OURS, Ours, now
from ...nodes import NO_OPTIONS, Array, Changed, Damaged, Dense, Group, Node, Options, Region, Revision, Unavailable
from ...revisions import file_revision, joined
from ..common.texts import as_text
from .sequences import Sequence

Block = np.ndarray[Any, Any]

AXIS = "frame"
"""The name of the first axis; viewers know it as one of time."""
MOST_SEEN = 256
"""Files whose revisions are one revision, at most: about a millisecond (2026-11-27)."""
KEPT = ("physical_size", "channel_names")
"""Attributes of the first frame that hold for all."""
DISPLAYED = ("photometric", "palette", "bits", "orientation", "channels", "no_data", "range")
"""The same under our key: what the numbers mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """The frames of a sequence in a folder.

    `model` is the number of the frame, and `first` its node, by which all frames must go. `opened`
    returns the node of a file by its path, and `known` the one opened last, if it is kept.
    """

    folder: str
    sequence: Sequence
    model: int
    first: Array
    opened: Callable[[str], Node]
    known: Callable[[str], Node | None]

    def node(self) -> Array:
        """The node of the stack. Reads nothing."""
        first, files = self.first, self.sequence.files
        own = grid.choose(first.shape, first.dtype.itemsize, own=first.chunks)
        is_small = prod(first.shape) * first.dtype.itemsize < grid.WHOLE
        names = first.dimension_names or (None,) * len(first.shape)
        return Array(
            shape=(len(files), *first.shape),
            dtype=first.dtype,
            source=Dense(
                self.read,
                self.read_stepped if first.dense.read_stepped else None,
                unit=(1, *(first.dense.unit or first.chunks or own)),
                itemsize=first.dense.itemsize,
            ),
            chunks=(1, *own),
            maxshape=(None, *first.shape),
            dimension_names=(AXIS if AXIS not in names else None, *names),
            attributes=self._attributes(),
            revision=Revision(self.revision, self.region_revision),
            options=Options(chunk_shape=(1, *own)) if is_small else NO_OPTIONS,
        )

    def read(self, region: Region) -> Block:
        """A region: of one frame without a copy, if the file gives it so."""
        frames, inner = region[0], region[1:]
        if frames.stop - frames.start == 1:
            return self._cast(self._frame(frames.start).read(inner))[np.newaxis]
        block = np.empty([part.stop - part.start for part in region], self.first.dtype)
        for at, number in enumerate(range(frames.start, frames.stop)):
            block[at] = self._frame(number).read(inner)
        return block

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every `steps[axis]`-th item of a region; frames in between are not opened."""
        inner, each = region[1:], steps[1:]
        numbers = range(region[0].start, region[0].stop, steps[0])
        sizes = (-(-(part.stop - part.start) // step) for part, step in zip(inner, each, strict=True))
        block = np.empty((len(numbers), *sizes), self.first.dtype)
        for at, number in enumerate(numbers):
            frame = self._frame(number)
            stepped = frame.dense.read_stepped
            index: Any = (*(slice(None, None, step) for step in each), ...)
            block[at] = stepped(inner, each) if stepped else frame.read(inner)[index]
        return block

    def revision(self) -> str | None:
        """The revision of all files, None if they are too many."""
        return self._joined(range(len(self.sequence.files)))

    def region_revision(self, region: Region) -> str | None:
        """The revision of the files that hold a region, None if they are too many."""
        return self._joined(range(region[0].start, region[0].stop))

    def _joined(self, numbers: range) -> str | None:
        if len(numbers) > MOST_SEEN:
            return None
        texts: list[str] = []
        for number in numbers:
            revision = self._revision(number)
            if revision is None:
                return None
            texts.append(revision)
        return joined(texts)

    def _revision(self, number: int) -> str | None:
        """The name and revision of a file; that of its node counts faults of its pages too."""
        path = self._path(number)
        node = self.known(path)
        revision = file_revision(path) if node is None else node.revision()
        return None if revision is None else f"{as_text(self.sequence.files[number])}:{revision}"

    def _path(self, number: int) -> str:
        return os.path.join(self.folder, self.sequence.files[number])  # noqa: PTH118 - called on every request

    def _frame(self, number: int) -> Array:
        """The node of a frame.

        Raises Damaged if it has another shape or type than the first, or is no array, and Changed
        if it has gone.
        """
        name = as_text(self.sequence.files[number])
        try:
            node = self.opened(self._path(number))
        except FileNotFoundError as error:
            raise Changed(f"{name!r} was removed from its stack; ask again") from error
        except Unavailable as error:  # that would read as a chunk of zeros
            raise Damaged(f"{name!r}, frame {number} of its stack: {error}") from error
        if not are_alike(node, self.first):
            model = as_text(self.sequence.files[self.model])
            raise Damaged(
                f"{name!r}, frame {number} of its stack, is {_said(node)}, and {model!r} is {_said(self.first)}: "
                "frames of a stack are alike; move it to another folder, or serve the files one by one with --sequences none"
            )
        assert isinstance(node, Array)
        return node

    def _cast(self, block: Block) -> Block:
        """Items of the stack's type: frames may differ in byte order."""
        return np.asarray(block).astype(self.first.dtype, copy=False)

    def _attributes(self) -> dict[str, Any]:
        """What holds for all frames, and which files they are."""
        said, files = now(self.first.attributes), self.sequence.files
        ours = said.get(OURS, {})
        kept = {name: ours[name] for name in DISPLAYED if name in ours}
        missing = self.sequence.missing
        about = {
            "files": len(files),
            "first": as_text(files[0]),
            "last": as_text(files[-1]),
            **({"missing_numbers": missing} if missing else {}),
        }
        return {**{name: said[name] for name in KEPT if name in said}, OURS: Ours({**kept, "sequence": about})}


class Apart(Mapping[str, Node]):
    """The files of a sequence that are no stack: children of a group, by their names."""

    def __init__(self, files: Mapping[str, str], opened: Callable[[str], Node]) -> None:
        self._files = files
        self._opened = opened

    def __getitem__(self, name: str) -> Node:
        return self._opened(self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def group(self) -> Group:
        """The node of these files, which may be rewritten one by one: it has no revision."""
        return Group(self, blocking=True, kind="folder")


def are_alike(node: Node, other: Node) -> bool:
    """True if two files may be frames of one stack: arrays of one shape and type, in any byte order."""
    return _kind(node) == _kind(other) is not None


def _kind(node: Node) -> tuple[Any, ...] | None:
    """What frames of a stack have in common: shape and type, in any byte order."""
    return (node.shape, node.dtype.newbyteorder("=")) if isinstance(node, Array) else None


def _said(node: Node) -> str:
    """A node for messages."""
    return f"{node.dtype.name} of the shape {node.shape}" if isinstance(node, Array) else "a group"
