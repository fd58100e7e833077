"""Opens the sequences of a folder: as a stack, as one image, or as a group of files.

A sequence is opened again when a file has come or gone, or when the file that shows what frames are
has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...caches.recent import Recent
from ...nodes import Array, Damaged, Node, TooSlow, Unavailable
from ...revisions import file_revision
from ..common.reopened import Nodes
from .listing import Listing
from .sequences import Sequence
from .stacks import Apart, Stack, are_alike

MOST_STACKS = 4096
"""Opened stacks that are kept for a served folder and everything below it."""
MOST_FRAMES = 1024
"""Opened frames of stacks that are kept for a served folder and everything below it.

A compressed TIFF takes 15 kB (2026-11-27), and clients read stacks of any length from end to end.
"""
MOST_TRIED = 8
"""Files of a sequence that are opened, at most, to find a good one that shows what frames are.

As many are opened, at most, to find another one of the same shape and type.
"""


class Kept(NamedTuple):
    """The node of a sequence, and what it was made from: its files, and the node of one of them."""

    files: tuple[str, ...]
    model: int
    first: Node
    node: Node


class Stacks:
    """The sequences of a folder and of all folders below it.

    `files` keeps the nodes of files that are asked for by their own names too, `frames` those that
    stacks read.
    """

    def __init__(self, files: Nodes, frames: Nodes) -> None:
        self._files = files
        self._frames = frames
        self._kept: Recent[tuple[str, str], Kept] = Recent(MOST_STACKS)

    def of(self, folder: str, listing: Listing, name: str, open_file: Callable[[Path], Node]) -> Node:
        """The node of a sequence in a folder.

        Opens its first file, or the next ones if that one is bad, and another one that is alike.
        """
        opener = Opener(folder, listing.sequences[name], self._files, self._frames, open_file)
        model, first = opener.first()
        known = self._kept.peek((folder, name))
        is_same = known is not None and known.first is first and known.files == opener.sequence.files
        if known is not None and is_same and (isinstance(known.node, Array) or not opener.is_stack(model, first)):
            return known.node
        node = opener.node(listing, model, first)
        self._kept.keep((folder, name), Kept(opener.sequence.files, model, first, node))
        return node

    def model(self, folder: str, listing: Listing, name: str) -> str | None:
        """The file that shows what the frames of a stack are; None unless it is the first one."""
        known = self._kept.peek((folder, name))
        files = listing.stacks[name].files
        return files[0] if known is not None and known.model == 0 and known.files == files else None


class Opener(NamedTuple):
    """A sequence in a folder, and what opens its files."""

    folder: str
    sequence: Sequence
    files: Nodes
    frames: Nodes
    open_file: Callable[[Path], Node]

    def first(self) -> tuple[int, Node]:
        """The first good file, by its number and its node.

        Raises what opening the very first raises if none of MOST_TRIED is good.
        """
        bad: Exception | None = None
        for number, file in enumerate(self.sequence.files[:MOST_TRIED]):
            try:
                return number, self._opened(file)
            except (Damaged, Unavailable) as error:
                bad = bad or error
        assert bad is not None
        raise bad

    def node(self, listing: Listing, model: int, first: Node) -> Node:
        """The node of the sequence, of which the file number `model` is `first`.

        A set of OME-TIFF files is one image already. Files that are no stack are children of a group.
        """
        others = {os.path.basename(path) for path in self.files.others(self._path(self.sequence.files[model]))}  # noqa: PTH119
        if not others.isdisjoint(self.sequence.files):
            return first
        if isinstance(first, Array) and self.is_stack(model, first):
            return Stack(self.folder, self.sequence, model, first, self._frame, self.frames.known).node()
        mine, names = {*self.sequence.files}, {**listing.files, **listing.frames}
        return Apart({name: names[name] for name in sorted(names) if names[name] in mine}, self._opened).group()

    def is_stack(self, model: int, first: Node) -> bool:
        """True unless several files can be read, and all of them differ from the first.

        `figure1.png`, `figure2.png` of different sizes are no stack, except in Tiled. Opens files
        until one is alike.
        """
        if not isinstance(first, Array) or self.sequence.rule == "tiled":
            return isinstance(first, Array)
        others = False
        for file in self.sequence.files[model + 1 : model + MOST_TRIED]:
            try:
                if are_alike(self._opened(file), first):
                    return True
                others = True
            except TooSlow:
                break
            except (OSError, Unavailable):
                continue
        return not others

    def _opened(self, file: str) -> Node:
        path = self._path(file)
        return self.files.get(path, file_revision(path), self.open_file)

    def _frame(self, path: str) -> Node:
        return self.frames.get(path, file_revision(path), self.open_file)

    def _path(self, file: str) -> str:
        return os.path.join(self.folder, file)  # noqa: PTH118 - called on every request
