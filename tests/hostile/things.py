"""What a hostile folder claims: what must be read right, and what must fail and how.

It has the registry of the functions that make these things. Paths are those of the wire, below the
group of the kind. Right values come from the library that wrote the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Values: TypeAlias = "np.ndarray[Any, Any]"

ABSENT = frozenset({404})
FAILED = frozenset(range(500, 600))
REFUSED = ABSENT | FAILED
TOO_LARGE = FAILED | {200, 413}
"""The statuses for what exists and cannot be read: 5xx by the wire contract.

What is larger than the server's bound gets 413 or 503, or is decoded in pieces, which the peak of
the memory shows. It is never a 404.
"""


@dataclass(frozen=True, kw_only=True)
class Good:
    """An array that is read back equal, whatever lies beside it.

    `formats` are the Zarr formats that can address it.
    """

    path: str
    values: Values
    formats: tuple[int, ...] = (2, 3)

    def below(self, group: str) -> Good:
        return replace(self, path=joined(group, self.path))


@dataclass(frozen=True, kw_only=True)
class Bad:
    """Something that fails under its own keys, and what its parent says of it.

    The parent's `unavailable` must hold one of the spellings in `names`. These are empty if the
    parent need not name it, because the node opens and only its chunks fail. `documents` are the
    allowed statuses of its metadata documents (None: any), `chunks` those of its chunk at `index`.
    `unprivileged` is true if it is bad only for a server that may not read everything.
    """

    path: str
    names: tuple[str, ...] = ()
    documents: frozenset[int] | None = None
    chunks: frozenset[int] = FAILED
    index: tuple[int, ...] = (0,)
    unprivileged: bool = False

    def below(self, group: str) -> Bad:
        return replace(self, path=joined(group, self.path))

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class Short:
    """An array that we read as far as its file goes; its attributes say what is `missing`."""

    path: str

    def below(self, group: str) -> Short:
        return replace(self, path=joined(group, self.path))


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A group of `entries` things, each listed or named as unavailable, by whichever name."""

    path: str
    entries: int

    def below(self, group: str) -> Counted:
        return replace(self, path=joined(group, self.path))


Claim: TypeAlias = Good | Bad | Short | Counted
Maker: TypeAlias = Callable[[Path], Iterable[Claim]]

MAKERS: dict[str, list[Maker]] = {}
"""The functions that make things, by kind, which is the name of their folder.

Those of "" make them in the root.
"""
LATE: dict[str, list[Maker]] = {}
"""The same for what appears after the server has started."""


def hostile(*kinds: str, late: bool = False) -> Callable[[Maker], Maker]:
    """Register a function that makes things in these kinds' folders and returns its claims."""

    def register(maker: Maker) -> Maker:
        for kind in kinds:
            makers = (LATE if late else MAKERS).setdefault(kind, [])
            # pytest runs a module twice if it looks through it for doctests
            if maker.__name__ not in {other.__name__ for other in makers}:
                makers.append(maker)
        return maker

    return register


def joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def broken(path: str, *names: str, index: tuple[int, ...] = (0,)) -> Bad:
    """A thing that is there and cannot be opened: named, 5xx."""
    return Bad(path=path, names=(path.rpartition("/")[2], *names), documents=FAILED, chunks=FAILED, index=index)


def refused(path: str, *names: str) -> Bad:
    """A link or a device that is not followed or never opened.

    It is named, and its own keys are 404, since it is no node, or 5xx.
    """
    return Bad(path=path, names=(path.rpartition("/")[2], *names), documents=REFUSED, chunks=REFUSED)


def formless(path: str, *names: str) -> Bad:
    """A thing that has no form in Zarr: named, 404."""
    return Bad(path=path, names=(path.rpartition("/")[2], *names), documents=ABSENT, chunks=ABSENT)


def unreadable(path: str, index: tuple[int, ...] = (0,)) -> Bad:
    """A chunk that cannot be read, whether or not the array around it opens."""
    return Bad(path=path, index=index)


def too_large(path: str, index: tuple[int, ...] = (0,)) -> Bad:
    """A chunk that exceeds the server's memory bound, whether or not its array opens."""
    return Bad(path=path, documents=TOO_LARGE, chunks=TOO_LARGE, index=index)


def doubtful(path: str) -> Bad:
    """A thing that may be read or refused as the server sees fit; absent it is not."""
    return Bad(path=path, documents=FAILED | {200}, chunks=FAILED | {200})


def flipped(raw: bytes, at: int, bit: int = 1) -> bytes:
    """The bytes with one bit flipped."""
    return raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]


def damaged_kinds(file: Path, index: Sequence[int] = (0,)) -> list[Bad]:
    """Beside a good file, three bad ones with its suffix.

    They are the file cut in half, an empty file, and bytes of no format.
    """
    stem, _, suffix = file.name.partition(".")
    raw = file.read_bytes()
    bad = {"cut": raw[: len(raw) // 2], "emptied": b"", "garbage": b"\x00\xff\x13garbage\x00" * 40}
    for kind, content in bad.items():
        file.with_name(f"{kind}_{stem}.{suffix}").write_bytes(content)
    return [broken(f"{kind}_{stem}", f"{kind}_{stem}.{suffix}", index=tuple(index)) for kind in bad]
