"""What one application shares: all caches, the memory budget, and the children that hang.

`app` makes one `Resources` from the settings and passes it to the key spaces (documents, hangs),
the encoders (encoded chunks, row indexes), the pyramids (tiles) and the adapters, whose snapshots
pass it on to the code that reads a file. It lives as long as the application. It knows nothing of
HTTP, Zarr or file formats: it consists of plain pools (`caches`), so that every layer may use them.
Two applications in one process have two `Resources`, and share nothing.

| field | who fills it | key |
|---|---|---|
| chunks | http/endpoint, http/work: encoded bodies; site: thumbnails | a chunk's identity |
| shared | http/endpoint: encoded bodies that took long, for other processes too | all that its bytes depend on |
| tiles | ome/pyramid: tiles of levels and units of the source | image, revision, level, index |
| documents | hierarchy: metadata documents, names of axes; http: compressed ones | key space, path; digest, coding |
| row_indexes | encoding: indexes over the entries of sparse arrays | the node, weakly |
| chunk_indexes | adapters/hdf5: offsets of the chunks of a dataset | file at a revision, dataset |
| decoded | adapters: data that can only be decoded whole | file at a revision, part |
| tables | adapters/tables/csv: parsed text tables | file at a revision, dialect |
| mapped | adapters: mapped files | the `Faults` of a file's mappings |
| facts | adapters: checksums, links, names found by reading a file | file at a revision, fact |
| nodes | adapters: children of files and of tables in memory | a dict for each group |
| budget | code that decodes for a request reserves bytes of it | the thread |
| stores | adapters/remote: clients of object stores and web servers | URL and options |
| hangs, abandoned | http/work sets them, hierarchy and caches check them | child; thread |
| hdf5 | adapters/hdf5: the library, in helper processes | |
| hdf5_stores | the same in other helpers, for objects in stores, which may hang | |
| dask | adapters/memory: where the tasks of dask run | |

`ome/pyramid/planes` keeps the levels of images, in memory or on disk, up to `sizes.levels` bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from .budgets import Budget
from .caches.allowance import Allowance
from .caches.cost import Cache
from .caches.recent import Recent
from .caches.resident import Resident
from .caches.shared import Shared
from .clusters.executor import Executor
from .hangs import Hangs
from .helpers.library import Library

MIB = 1024 * 1024
HDF5 = "tiled_zarr.adapters.hdf5.functions"
"""The module of the functions that run in the helper processes, beside the HDF5 library."""
MOST_MAPPED = 64
"""Mapped files at once, at most; the native table of mapped files has room for 1024."""
MOST_FACTS = 4096
"""Facts that are kept, at most: a path and a small value each, about 500 bytes."""
MOST_NODES = 20_000
"""Children of groups that are kept, at most: twice as many as one document describes.

A node takes 0.7 to 1.4 kB besides its attributes (measured 2026-11-26)."""


IN_FLIGHT = 32
"""Requests to a store or web server that are under way at once, at most, in one process."""
MOST_STORES = 256
"""Clients of object stores that are kept, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How what lies on other machines is read.

    `look` is for how many seconds we trust what a store told of an object, `timeout` the seconds of
    one request, and `copy` the bytes of all copies of objects that cannot be read in parts.
    `references` are the folders and prefixes of URLs to which references of kerchunk may lead.
    """

    look: float = 5.0
    timeout: float = 30.0
    copy: int = 256 * MIB
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of each pool of one process; the defaults are for a machine with enough memory.

    `in_flight` limits the decoded data of all requests at once. `levels` are bytes on disk if the
    levels have a folder.
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
    """The fill level of a pool: its name, the bytes that it holds, and its limit in bytes."""

    pool: str
    nbytes: int
    most: int


def nbytes_of(value: Any) -> int:
    """The `nbytes` of a value, as arrays and indexes have it."""
    nbytes: int = value.nbytes
    return nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resources:
    """Everything that the requests of one application share.

    The fields are fixed; the contents of the pools change.
    """

    sizes: Sizes
    abandoned: set[int]
    """Identifiers of threads that were given up: the caches do not wait for their results."""
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
    nodes: Allowance
    stores: Recent[Any, Any]
    shared: Shared | None = None
    fetching: Fetching = field(default_factory=Fetching)
    hangs: Hangs = field(default_factory=Hangs)
    hdf5: Library = field(default_factory=lambda: Library(HDF5, "HDF5"))
    hdf5_stores: Library = field(default_factory=lambda: Library(HDF5, "HDF5"))
    dask: Executor = field(default_factory=Executor)

    @classmethod
    def of(
        cls,
        sizes: Sizes | None = None,
        *,
        patience: float = 60.0,
        read_timeout: float | None = None,
        dask: Callable[[Collection[int]], Executor] | None = None,
        fetching: Fetching | None = None,
    ) -> Resources:
        """New resources with pools of these sizes, without a second cache.

        `patience` is how many seconds a request waits for memory, `read_timeout` how many a source
        may take for one read. The budget is three quarters of `sizes.in_flight`. `dask` makes the
        executor, which gets the threads that were given up, and raises what it raises.
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
            nodes=Allowance(MOST_NODES),
            dask=(dask or executor)(abandoned),
            stores=Recent(MOST_STORES, abandoned=abandoned),
            fetching=fetching or Fetching(),
        )
        if read_timeout is not None:
            made.hdf5.answer_within(read_timeout)
            made.hdf5_stores.answer_within(read_timeout)
        return made

    def gauges(self) -> Iterator[Gauge]:
        """The fill level of each pool, except levels: those `ome/pyramid/planes` reports."""
        for name, pool in (("chunks", self.chunks), ("tiles", self.tiles), ("documents", self.documents)):
            yield Gauge(name, pool.nbytes, pool.max_bytes)
        for name in ("row_indexes", "chunk_indexes", "decoded", "tables", "mapped"):
            held: Recent[Any, Any] | Resident[Any, Any] = getattr(self, name)
            yield Gauge(name, held.total, held.most)

    def close(self) -> None:
        """End the helper processes, the threads that read stores, the second cache, and what runs tasks.

        Blocks.
        """
        self.hdf5.close()
        self.hdf5_stores.close()
        for store in self.stores.values():
            store.close()
        if self.shared is not None:
            self.shared.close()
        self.dask.close()


def executor(abandoned: Collection[int]) -> Executor:
    """What runs the tasks of dask if no setting says it: what dask itself would do."""
    return Executor(abandoned=abandoned)


@cache
def default() -> Resources:
    """The resources for files opened without any, as in a notebook: one per process."""
    return Resources.of()
