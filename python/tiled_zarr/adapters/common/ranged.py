"""Objects of stores and web servers that are read by ranges, in the form of a `Snapshot`.

A file has a descriptor, which keeps meaning the file that was opened. An object has none: each
request names it again, and somebody may have replaced it meanwhile. So each request for a range is
conditional (`If-Match`), and a store that holds another version refuses it: `Origin.read` raises
Changed. Two looks around each read, as files need them, would cost two requests more.

Small reads, of headers, are answered from blocks of BLOCK bytes that `Resources.decoded` keeps.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, TypeAlias, TypeVar, cast

from ...nodes import Changed, Damaged
from ...resources import Resources
from .fences import Fence
from .kinds import HEAD, other_kind
from .snapshot import Snapshot, check_end

Range: TypeAlias = tuple[int, int]
"""The first byte of a range, and the byte after its last one."""
T = TypeVar("T")
R = TypeVar("R")
Opener = TypeVar("Opener", bound=Callable[..., Any])

NOWHERE = Fence("\0", "\0")
"""The fence of objects. It holds nothing: no file may be opened for them."""
BLOCK = 64 * 1024
"""Bytes of a block, which is fetched whole for a small read.

At 50 MB/s it takes 1 ms longer than a request for one byte, and the headers of a format often lie
close together. The headers of a TIFF file with many pages do not: larger blocks would read it all.
"""
MOST_AT_ONCE = 8 * 1024 * 1024
"""Bytes of a request for several ranges that lie close together, at most."""


class Origin(ABC):
    """A version of an object, from which ranges can be read.

    `name` is for users, and `address` says where it is, without credentials; `size` is in bytes.
    """

    name: str
    address: str
    size: int
    taken: str

    @abstractmethod
    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of some ranges, in order; several requests are in flight at once.

        Raises Changed if the object has another version now, Damaged, TooSlow, Busy or
        ConnectionError if it cannot be read.
        """

    @abstractmethod
    def each(self, do: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What `do` returns for each item, called in as many threads as may read at once."""

    @abstractmethod
    def looked(self) -> str | None:
        """The revision that the last look at the object saw, without waiting; None if it is not known."""

    @abstractmethod
    def look(self) -> str:
        """The revision of the object. Asks the store if the last look is too long ago.

        Raises FileNotFoundError if the object has gone.
        """

    @abstractmethod
    def beside(self, name: str) -> Origin:
        """The present version of another object, by its path from the folder of this one.

        Raises FileNotFoundError if it is not there.
        """

    @abstractmethod
    def distrust(self) -> None:
        """Have the next look ask the store: somebody has seen another version."""


@dataclass(frozen=True, slots=True)
class Ranged(Snapshot):
    """An object at the version that its store had when the snapshot was taken."""

    origin: Origin = field(kw_only=True)

    @classmethod
    def at(cls, origin: Origin, resources: Resources | None) -> Ranged:
        """The snapshot of a version of an object."""
        return cls(origin.address, origin.taken, NOWHERE, given=resources, origin=origin)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.origin.size

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of some ranges, in order.

        Raises Damaged if the object ends before one of them, and what `Origin.read` raises.
        """
        check_end(self.path, self.size, max((stop for _, stop in ranges), default=0))
        return self.origin.read(ranges)

    def read_near(self, ranges: Sequence[Range], gap: int) -> list[bytes]:
        """The same, with one request for ranges between which there are at most `gap` bytes."""
        runs = together(ranges, gap)
        bodies = self.read(runs)
        firsts = [first for first, _ in runs]
        found = []
        for start, stop in ranges:
            at = bisect_right(firsts, start) - 1
            found.append(bodies[at][start - firsts[at] : stop - firsts[at]])
        return found

    def kept(self, start: int, stop: int, block: int = BLOCK) -> bytes:
        """A range, from blocks of `block` bytes that are kept for later reads of them."""
        blocks = self.origin.each(partial(self._block, block), range(start // block, -(-stop // block)))
        first = start // block * block
        whole = blocks[0] if len(blocks) == 1 else memoryview(b"".join(blocks))
        return bytes(whole[start - first : stop - first])

    def _block(self, block: int, index: int) -> memoryview:
        def fetched() -> memoryview:
            (found,) = self.read([(index * block, min((index + 1) * block, self.size))])
            return memoryview(found)

        found: memoryview = self.resources.decoded.get((self, (block, index)), fetched)
        return found

    def beside(self, path: Any) -> Snapshot:
        """Raises Damaged: an object names no other."""
        raise Damaged(f"{self.name!r} names another file, {str(path)!r}, which is not read from a store")

    def _revision(self) -> str | None:  # type: ignore[override] # None until a look is made again
        return self.origin.looked()

    def check_handle(self, handle: Any) -> None:
        """Does nothing: it reads this version alone."""

    def check(self, _opened: str | int | None = None) -> None:
        """Check that the object has the same version, by a look. Raises Changed if it has not."""
        if self.origin.look() != self.taken:
            raise Changed(f"{self.name!r} changed while it was being read; ask again")

    def is_current(self) -> bool:
        """True if the object had the same version when somebody looked last."""
        return self.origin.looked() == self.taken

    @contextmanager
    def unchanged(self, _opened: str | int | None = None) -> Iterator[None]:
        """Does nothing: what is read inside the block is read from this version alone."""
        yield

    def _fault(self, kind: str) -> str:
        other = other_kind(self.kept(0, min(HEAD, self.size)), kind) if self.size else None
        return self._said(self.size, other, kind)

    @contextmanager
    def opened(self) -> Iterator[io.FileIO]:
        """The object as a file for one thread, which reads this version alone."""
        yield cast("io.FileIO", RangedFile(self))

    @contextmanager
    def pinned(self) -> Iterator[str]:
        """The same: libraries that open files take it in place of a path."""
        yield cast("str", RangedFile(self))


def together(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Ranges that hold some others, in order; a new one begins after more than `gap` bytes.

    One has at most MOST_AT_ONCE bytes, unless it is a range that has more.

    >>> together([(40, 50), (0, 10), (12, 20)], gap=5)
    [(0, 20), (40, 50)]
    """
    runs: list[Range] = []
    for start, stop in sorted(ranges):
        if runs and start - runs[-1][1] <= gap and max(stop, runs[-1][1]) - runs[-1][0] <= MOST_AT_ONCE:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((start, stop))
    return runs


class RangedFile(io.RawIOBase):
    """An object as a file that can be read, and sought in, by one thread at a time."""

    mode = "rb"

    def __init__(self, snapshot: Ranged) -> None:
        super().__init__()
        self.snapshot = snapshot
        self.name = snapshot.path
        self.size = snapshot.size
        self._at = 0
        self._ahead: list[tuple[int, bytes]] = []

    def read_ahead(self, ranges: Sequence[Range]) -> None:
        """Read some ranges now, at once, for the reads inside them that follow."""
        self._ahead = [(start, body) for (start, _), body in zip(ranges, self.snapshot.read(ranges), strict=True)]

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError(f"a position of {start + offset}")
        self._at = start + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes from the position on; all of them if it is negative."""
        left = max(0, self.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        start, stop = self._at, self._at + wanted
        self._at = stop
        for first, body in self._ahead:
            if first <= start and stop <= first + len(body):
                return body[start - first : stop - first]
        if wanted < BLOCK:
            return self.snapshot.kept(start, stop)
        return self.snapshot.read([(start, stop)])[0]

    def readall(self) -> bytes:
        """All bytes from the position on."""
        return self.read()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        found = self.read(len(view))
        view[: len(found)] = found
        return len(found)


def file_like(readable: object) -> IO[bytes]:
    """What `Snapshot.read_as` or `pinned` gave, as an open file; the caller closes it."""
    if isinstance(readable, RangedFile):
        return cast("IO[bytes]", RangedFile(readable.snapshot))
    return open(str(readable), "rb")  # noqa: PTH123 - it was checked and pinned


def read_ahead(readable: object, ranges: Sequence[Range]) -> None:
    """Read ranges of what `Ranged.read_as` gave, at once, for reads inside them that follow."""
    assert isinstance(readable, RangedFile)
    readable.read_ahead(ranges)


def by_ranges(*, but: Sequence[str] = ()) -> Callable[[Opener], Opener]:
    """Marks an adapter that reads what is elsewhere by ranges, except files with some suffixes.

    Any other adapter gets the path of a copy.
    """

    def marked(adapter: Opener) -> Opener:
        adapter.by_ranges = lambda name: not name.lower().endswith(tuple(but))  # type: ignore[attr-defined] # of a function
        return adapter

    return marked


def reads_by_ranges(adapter: Any, name: str) -> bool:
    """True if an adapter reads an object of this name by ranges."""
    does: Callable[[str], bool] | None = getattr(adapter, "by_ranges", None)
    return does is not None and does(name)
