"""Chunks, computed natively: gather, densify or decode, pad, filter, compress, in one pass with the GIL released."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, final

from numpy.typing import NDArray
from typing_extensions import Buffer

__all__ = [
    "Codec",
    "Coo",
    "Decoder",
    "Faults",
    "File",
    "Pool",
    "__version__",
    "_panic",
    "crc32c",
    "decoded_size",
    "decompress",
    "encode",
    "encode_strings",
    "halve",
    "is_whole",
]

_Items: TypeAlias = Buffer | NDArray[Any]
_Format: TypeAlias = Literal["blosc", "zstd", "gzip", "zlib", "lz4", "none"]

@final
class Codec:
    """A compressor with its filter, as bytes -> bytes; equal input gives equal output.

    `name` is one of blosc, zstd, gzip, zlib, lz4, none. `cname` (lz4, lz4hc, zlib, zstd), `shuffle` and `typesize` (bytes of an item;
    above 255 it counts as 1 without shuffle) are for blosc alone. `level` is the level of the named compressor (lz4: the acceleration).
    `crc32c` appends the checksum of the result, 4 bytes, little endian. Raises ValueError with the allowed range.
    """

    def __new__(
        cls,
        name: Literal["blosc", "zstd", "gzip", "zlib", "lz4", "none"],
        *,
        level: int = 5,
        cname: Literal["lz4", "lz4hc", "zlib", "zstd"] = "lz4",
        shuffle: Literal["noshuffle", "shuffle", "bitshuffle"] = "shuffle",
        typesize: int = 1,
        crc32c: bool = False,
    ) -> Codec: ...
    def encode(self, data: _Items) -> bytes:
        """Compress C-contiguous `data` as it is."""

def encode(block: _Items, chunk_shape: Sequence[int], codec: Codec, layout: Sequence[tuple[int, int, int]] | None = None) -> bytes:
    """Gather a block into a C-order chunk, padded at its end on every axis with zero bytes, and compress it.

    `block` is an n-d buffer of any strides (negative and zero too); its items are opaque bytes (`a.view(f"V{a.itemsize}")`).
    `layout` says how an output item is made from a source item: runs of (source offset, nbytes, swap), in output order, where swap
    is the width in bytes of the units to be byte-swapped (1: none). None means the item as it is. Raises ValueError where the axes
    differ in number, the block is larger than the chunk, or a run leaves the item; MemoryError where the chunk is too large.
    """

def encode_strings(items: Sequence[str], codec: Codec) -> bytes:
    """Encode strings, in C order, as Zarr's vlen-utf8 and compress them. Raises TypeError where an item is no str."""

@final
class Pool:
    """Threads that encode chunks and never hold the GIL, for one event loop. Not on Windows.

    Raises OSError where there is no room for another thread.
    """

    def __new__(cls, threads: int) -> Pool: ...
    def fileno(self) -> int:
        """The descriptor that is readable as soon as there is something to take."""

    def submit(
        self,
        ticket: object,
        block: _Items,
        chunk_shape: Sequence[int],
        codec: Codec,
        layout: Sequence[tuple[int, int, int]] | None = None,
    ) -> None:
        """Have a chunk encoded as by `encode`, in the order of asking. Raises ValueError like `encode`, RuntimeError after `close`."""

    def allow(self, threads: int) -> None:
        """Let only so many of the threads begin chunks from now on."""

    def take(self) -> list[tuple[Any, bytes | Exception, float]]:
        """What has been made since the last time: tickets, chunks or what `encode` would raise, and the seconds that each took."""

    def close(self) -> None:
        """End the threads after the chunks that have been begun; the others are dropped."""

def halve(block: _Items, dtype: str, rule: Literal["mean", "mode", "nearest"] = "mean") -> bytes:
    """Halve the last two axes of a block, rounded up: one pixel out of each square of two by two, in C order, little endian.

    `block` is an n-d buffer of any strides (`a.view(f"V{a.itemsize}")`), `dtype` the type of its items in numpy's spelling, integers or
    floats in either byte order. Pixels beyond the edge do not count. Means of integers are rounded half up, those of floats leave NaN
    out; a mode is the smallest of equally common values, and NaN only where there is nothing else. Raises ValueError where there are fewer
    than two axes or the type is no number.
    """

@final
class Coo:
    """A row index over the entries of a sparse array, built once; boxes of it are densified in time that follows their own entries.

    `coords` is a C-contiguous int64 buffer of shape (ndim, nnz) in any order; `data` a contiguous buffer of nnz items whose type `dtype`
    says in numpy's spelling (`<f8`, `|b1`, `<c16`, `<M8[ns]`, ...). Entries at one place are summed (booleans: or). `fill` is the bytes
    of one item. Raises ValueError where a coordinate lies outside the shape (naming it) or sizes disagree.
    """

    def __new__(cls, coords: _Items, data: _Items, shape: Sequence[int], dtype: str, fill: bytes | None = None) -> Coo: ...
    @property
    def nbytes(self) -> int:
        """Memory that the index holds, in bytes."""
    def encode(self, start: Sequence[int], chunk_shape: Sequence[int], codec: Codec) -> bytes:
        """Densify the box of `chunk_shape` at `start` (elements), zero bytes beyond the array's edge, and compress it."""

@final
class Decoder:
    """Undoes the filters of an HDF5 dataset or the codecs of a Zarr array, and puts what a region wants of its chunks into its place.

    `filters` are the registered number and the parameters of each, in the order in which they were applied: 1 deflate, 2 shuffle,
    3 fletcher32, 32000 lzf, 32001 blosc, 32004 lz4, 32008 bitshuffle, 32015 zstd, and for Zarr 65536 gzip, 65537 numcodecs' lz4,
    65538 crc32c; one compressor at most. `chunk_shape` is in elements,
    `itemsize` in bytes. Raises ValueError for a filter that is not known, MemoryError where a chunk is too large.
    """

    def __new__(cls, filters: Sequence[tuple[int, Sequence[int]]], chunk_shape: Sequence[int], itemsize: int) -> Decoder: ...
    def read(self, out: _Items, start: Sequence[int], chunks: Sequence[tuple[Sequence[int], _Items, int]]) -> None:
        """Write what the region of the shape of `out` at `start` (elements) has of stored chunks to `out`, which is C-contiguous.

        A chunk is its place in the chunk grid, its stored bytes, and a mask with a bit for every filter that was left out. What lies in
        other chunks stays as it is. Raises ValueError where a chunk lies outside of the region or its bytes are not what the filters
        make, with the place and the numbers that disagree; `out` may be half written by then.
        """

def decompress(name: _Format, data: _Items, out: _Items) -> int | None:
    """Decode what a compressor has written to the start of `out`, and return how many bytes that are.

    None means that `out` has no room for as many, and that it may be half written. `name` is as of
    `Codec`; `lz4` is numcodecs' form, a block behind its size. gzip may have several members, with
    zeros between them. Raises ValueError if the bytes are no such stream. One that was cut short may
    seem to be too large instead.
    """

def decoded_size(name: _Format, data: _Items) -> int | None:
    """The decoded size that compressed bytes say at their start, unchecked; None if they say none, as gzip and zlib never do."""

def is_whole(name: _Format, data: _Items, nbytes: int | None, *, crc32c: bool = False) -> bool:
    """Whether `data` may be one whole frame of `nbytes` decoded bytes (None: nobody knows how many), which readers then can decode.

    Nothing is decoded: bytes that were cut short or belong to something else are told apart by what
    their headers say. `crc32c` says that a checksum of 4 bytes follows, which is not compared.
    """

def crc32c(data: _Items) -> int:
    """The CRC-32C (Castagnoli) of C-contiguous `data`, as Zarr's codec of that name has it."""

@final
class Faults:
    """How often mapped pages of a file could not be read."""

    def __new__(cls) -> Faults: ...
    @property
    def count(self) -> int:
        """It only grows. Zeros have been read where it is another one than before: what was made of the mapping is to be thrown away."""

@final
class File(Buffer):
    """The first `nbytes` bytes of the open file `fileno`, which stays open, and mapped if the system can. Not on Windows.

    A mapped file is a buffer, mapped as long as any view of it lives; looking at a page of it may read the disk. What cannot be
    read, since the file has been cut short or its device fails, looks like zeros from there on to the end, for good, after `faults`
    has counted it; without this class it would end the process by SIGBUS. Only Linux maps files. Raises OSError if the file is not open.
    """

    def __new__(cls, fileno: int, nbytes: int, faults: Faults) -> File: ...
    def __len__(self) -> int: ...
    @property
    def is_mapped(self) -> bool:
        """Whether it is a buffer; else that raises BufferError, and only `read` reads it."""
    def read(self, first: int, nbytes: int, counts: Sequence[int] = (), strides: Sequence[int] = ()) -> bytes:
        """Copies of pieces of the file, one after the other, which nobody can change any more.

        `nbytes` bytes at `first`, and at every sum of multiples of the strides; `counts` and `strides` (bytes) have one number an axis.
        Raises OSError if the file ends before them.
        """
    def prefetch(self, first: int, nbytes: int, counts: Sequence[int], strides: Sequence[int]) -> None:
        """Have the system read pieces ahead, and return at once.

        Nothing is done if the system seems to have them in its cache, nor for what lies beyond the first `nbytes` bytes. Only on Linux.
        """
    def release(self) -> None:
        """Take mapped pages out of the process's resident memory; views stay good, and find the pages in the system's cache."""

def _panic() -> None:
    """Panic, so that a test can see what becomes of it: a RuntimeError."""

__version__: str
