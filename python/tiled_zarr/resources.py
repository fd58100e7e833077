"""What one application shares: every memory, the budget of what is decoded, and who is left alone.

`app` makes one `Resources` out of the settings, and hands it down: to the key spaces (documents,
hangs), the encoders (encoded chunks, row indexes), the pyramids (tiles), and to the adapters,
whose snapshots carry it to wherever a file is read. It lives as long as the application, and
nothing in it knows HTTP, Zarr or a file format: these are plain pools (`caches`), so that every
floor may use them. Two applications in one process have two of them, and share nothing.

| field | who fills it | key |
|---|---|---|
| chunks | http/endpoint, http/work: encoded bodies; site: thumbnails | a chunk's identity |
| tiles | ome/pyramid: tiles of levels and units of the source | image, revision, level, index |
| documents | hierarchy: metadata documents, names of axes | key space, path |
| row_indexes | encoding: indexes over the entries of sparse arrays | the node, weakly |
| chunk_indexes | adapters/hdf5: where the chunks of a dataset lie | file at a revision, dataset |
| decoded | adapters: what a file can only decode whole | file at a revision, part |
| tables | adapters/tables/csv: parsed text tables | file at a revision, dialect |
| mapped | adapters: mapped files | faults of a file's mappings |
| facts | adapters: checksums, links, names that took reading a file | file at a revision, what |
| budget | whoever decodes for a request holds bytes of it | the thread |
| hangs, abandoned | http/work declares, hierarchy and caches ask | child; thread |
| hdf5 | adapters/hdf5: the library, in helper processes | |

Levels of images are kept by `ome/pyramid/planes`, in memory or on disk, within `sizes.levels`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from .budgets import Budget
from .caches.cost import Cache
from .caches.recent import Recent
from .caches.resident import Resident
from .hangs import Hangs
from .helpers.library import Library

MIB = 1024 * 1024
HDF5 = "tiled_zarr.adapters.hdf5.functions"
"""The functions that run beside the HDF5 library, by the name of their module."""
MOST_MAPPED = 64
"""Mapped files at once; the native table of them has room for 1024."""
MOST_FACTS = 4096
"""Each takes a path and a small value, some 500 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of each pool of one process; the defaults are those of a machine with enough memory.

    `in_flight` is what may be decoded for requests at once. `levels` is disk if they have a folder.
    """

    chunks: int = 256 * MIB
    tiles: int = 96 * MIB
    levels: int = 128 * MIB
    documents: int = 256 * MIB
    row_indexes: int = 128 * MIB
    chunk_indexes: int = 128 * MIB
    decoded: int = 256 * MIB
    tables: int = 256 * MIB
    mapped: int = 64 * MIB
    in_flight: int = 1024 * MIB


class Gauge(NamedTuple):
    """A pool, the bytes that it holds, and how many it may hold."""

    pool: str
    nbytes: int
    most: int


def nbytes_of(value: Any) -> int:
    """The bytes that a value says of itself, as arrays and indexes do."""
    nbytes: int = value.nbytes
    return nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resources:
    """All that the requests of one application share. The pools are fixed, what is in them is not."""

    sizes: Sizes
    abandoned: set[int]
    """Identifiers of threads that were given up: nobody waits for what they are making."""
    budget: Budget
    chunks: Cache[bytes]
    tiles: Cache[Any]
    documents: Cache[Any]
    row_indexes: Recent[Any, Any]
    chunk_indexes: Recent[Any, Any]
    decoded: Recent[Any, Any]
    tables: Recent[Any, Any]
    mapped: Resident[Any, Any]
    facts: Recent[Any, Any]
    hangs: Hangs = field(default_factory=Hangs)
    hdf5: Library = field(default_factory=lambda: Library(HDF5, "HDF5"))

    @classmethod
    def of(cls, sizes: Sizes | None = None, *, patience: float = 60.0, read_timeout: float | None = None) -> Resources:
        """New resources.

        `patience` is the seconds that a request waits for memory, `read_timeout` those that a
        source may take for one read.
        """
        sizes, abandoned = sizes or Sizes(), set[int]()
        made = cls(
            sizes=sizes,
            abandoned=abandoned,
            budget=Budget(sizes.in_flight - sizes.in_flight // 4, patience),
            chunks=Cache(sizes.chunks, abandoned=abandoned),
            tiles=Cache(sizes.tiles, nbytes_of, abandoned=abandoned),
            documents=Cache(sizes.documents, nbytes_of, abandoned=abandoned),
            row_indexes=Recent(sizes.row_indexes, nbytes_of, abandoned=abandoned),
            chunk_indexes=Recent(sizes.chunk_indexes, nbytes_of, keeps_large=True, abandoned=abandoned),
            decoded=Recent(sizes.decoded, nbytes_of, keeps_large=True, abandoned=abandoned),
            tables=Recent(sizes.tables, nbytes_of, keeps_large=True, abandoned=abandoned),
            mapped=Resident(sizes.mapped, MOST_MAPPED),
            facts=Recent(MOST_FACTS, abandoned=abandoned),
        )
        if read_timeout is not None:
            made.hdf5.answer_within(read_timeout)
        return made

    def gauges(self) -> Iterator[Gauge]:
        """What the pools hold now, and may hold; levels know it themselves."""
        for name, pool in (("chunks", self.chunks), ("tiles", self.tiles), ("documents", self.documents)):
            yield Gauge(name, pool.nbytes, pool.max_bytes)
        for name in ("row_indexes", "chunk_indexes", "decoded", "tables", "mapped"):
            held: Recent[Any, Any] | Resident[Any, Any] = getattr(self, name)
            yield Gauge(name, held.total, held.most)

    def close(self) -> None:
        """End the helper processes. Nothing else has to be given back."""
        self.hdf5.close()


@cache
def default() -> Resources:
    """The resources of whoever opens a file without any, as in a notebook: one for the process."""
    return Resources.of()
