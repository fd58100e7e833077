"""The native encoder and decoder of chunks, in Rust; both work with the GIL released.

One pass gathers, densifies or decodes the items, pads, filters and compresses them.
"""

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
    "minmax",
]

_Items: TypeAlias = Buffer | NDArray[Any]
_Format: TypeAlias = Literal["blosc", "zstd", "gzip", "zlib", "lz4", "none"]

@final
class Codec:
    """A compressor with its filter, from bytes to bytes; equal input gives equal output.

    `cname`, `shuffle` and `typesize` are for blosc alone. `typesize` is the bytes of an item; above
    255 it counts as 1, without shuffle. `level` is that of the named compressor (lz4: the
    acceleration). `crc32c` appends the checksum of the result: 4 bytes, little endian. Raises
    ValueError, which names the allowed range.
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
        """The compressed bytes of C-contiguous `data`."""

def encode(block: _Items, chunk_shape: Sequence[int], codec: Codec, layout: Sequence[tuple[int, int, int]] | None = None) -> bytes:
    """Gather a block into a C-order chunk, pad the chunk with zero bytes, and compress it.

    Padding goes to the end of every axis. `block` is an n-d buffer of any strides, also negative or
    zero; its items are opaque bytes (`a.view(f"V{a.itemsize}")`). `layout` says how to make an
    output item from a source item: runs of (source offset, nbytes, swap), in output order. `swap`
    is the width in bytes of the units to be byte-swapped (1: none). None copies the item unchanged.

    Raises ValueError if the numbers of axes differ, the block is larger than the chunk, or a run
    reaches beyond the item. Raises MemoryError if the chunk is too large.
    """

def encode_strings(items: Sequence[str], codec: Codec) -> bytes:
    """Encode strings in C order as Zarr's vlen-utf8, and compress them.

    Raises TypeError if an item is not a str.
    """

@final
class Pool:
    """Threads that encode chunks without holding the GIL, for one event loop. Not on Windows.

    Raises OSError if the system cannot start another thread.
    """

    def __new__(cls, threads: int) -> Pool: ...
    def fileno(self) -> int:
        """The file descriptor that is readable as soon as `take` has something to return."""

    def submit(
        self,
        ticket: object,
        block: _Items,
        chunk_shape: Sequence[int],
        codec: Codec,
        layout: Sequence[tuple[int, int, int]] | None = None,
    ) -> None:
        """Queue a chunk to be encoded as by `encode`, first in, first out.

        `take` returns `ticket` with the result. Raises ValueError like `encode`, and RuntimeError
        after `close`.
        """

    def allow(self, threads: int) -> None:
        """Let at most `threads` threads begin chunks from now on."""

    def take(self) -> list[tuple[Any, bytes | Exception, float]]:
        """The results since the last call: ticket, chunk, and the seconds that it took.

        In place of the chunk is the exception if `encode` would have raised one.
        """

    def close(self) -> None:
        """Let the threads finish the chunks that they have begun and end; drop all other chunks."""

def halve(block: _Items, dtype: str, rule: Literal["mean", "mode", "nearest"] = "mean") -> bytes:
    """Halve the last two axes of a block, rounded up: one pixel for each square of two by two.

    Returns the pixels in C order, little endian. `block` is an n-d buffer of any strides
    (`a.view(f"V{a.itemsize}")`). `dtype` is the type of its items in numpy's spelling, integers or
    floats in either byte order. Pixels beyond the edge do not count. The mean of integers is
    rounded half up; the mean of floats ignores NaN. The mode is the smallest of equally common
    values, and NaN only if all are NaN. Raises ValueError if there are fewer than two axes or the
    type is not a number.
    """

def minmax(line: _Items, dtype: str, factor: int, mark: bytes | None = None) -> bytes:
    """Find the smallest and the largest number of each bin of a line.

    Returns them in pairs, little endian. A bin is `factor` consecutive numbers; the last may be
    shorter. `line` is a buffer with one axis of any stride (`a.view(f"V{a.itemsize}")`). `dtype` is
    as for `halve`. NaN and `mark` (one item, little endian) are skipped. A bin of nothing else
    becomes NaN, or the mark if the numbers are integers. Raises ValueError if the line has not one
    axis, `factor` is 0, the type is not a number, or sizes of items disagree.
    """

@final
class Coo:
    """A row index over the entries of a sparse array, built once.

    The time to densify a box depends on the entries in it, not on all entries. `coords` is a
    C-contiguous int64 buffer of shape (ndim, nnz) in any order. `data` is a contiguous buffer of
    nnz items of type `dtype`, in numpy's spelling (`<f8`, `|b1`, `<c16`, `<M8[ns]`, ...). Entries
    with the same coordinates are summed (booleans: or). `fill` is the bytes of one item. Raises
    ValueError if a coordinate is outside of the shape (it names the coordinate) or sizes disagree.
    """

    def __new__(cls, coords: _Items, data: _Items, shape: Sequence[int], dtype: str, fill: bytes | None = None) -> Coo: ...
    @property
    def nbytes(self) -> int:
        """Bytes of memory that the index takes."""
    def encode(self, start: Sequence[int], chunk_shape: Sequence[int], codec: Codec) -> bytes:
        """Densify the box of `chunk_shape` at `start` (elements), and compress it.

        Beyond the array's edge the box has zero bytes.
        """

@final
class Decoder:
    """Decodes the chunks of an HDF5 dataset or a Zarr array, and copies parts of them to a region.

    `filters` are the registered number and the parameters of each filter, in the order in which
    they were applied: 1 deflate, 2 shuffle, 3 fletcher32, 32000 lzf, 32001 blosc, 32004 lz4, 32008
    bitshuffle, 32015 zstd, and for the codecs of Zarr 65536 gzip, 65537 numcodecs' lz4, 65538
    crc32c. At most one may be a compressor. `chunk_shape` is in elements, `itemsize` in bytes.
    Raises ValueError for an unknown filter, and MemoryError if a chunk is too large.
    """

    def __new__(cls, filters: Sequence[tuple[int, Sequence[int]]], chunk_shape: Sequence[int], itemsize: int) -> Decoder: ...
    def read(self, out: _Items, start: Sequence[int], chunks: Sequence[tuple[Sequence[int], _Items, int]]) -> None:
        """Decode `chunks`, and write the parts of them that are inside the region to `out`.

        `out` is C-contiguous; the region has its shape and begins at `start`, in elements. A chunk
        is its index in the chunk grid, its stored bytes, and a mask with a bit for every filter
        that was skipped when it was written. The parts of `out` in other chunks do not change.
        Raises ValueError if a chunk is outside of the region or its bytes are not what the filters
        write, with the index and the numbers that disagree. Then `out` may be half written.
        """

def decompress(name: _Format, data: _Items, out: _Items) -> int | None:
    """Decode compressed `data` to the start of `out`, and return the number of decoded bytes.

    Returns None if `out` is too small; then it may be half written. `name` is that of `Codec`;
    `lz4` is the form of numcodecs, a block after its size. gzip may have several members, with
    zeros between them. Raises ValueError if the bytes are not such a stream. For a stream that was
    cut short it may return None instead.
    """

def decoded_size(name: _Format, data: _Items) -> int | None:
    """The decoded size that the header of compressed bytes gives, unchecked.

    None if it gives none; gzip and zlib never do.
    """

def is_whole(name: _Format, data: _Items, nbytes: int | None, *, crc32c: bool = False) -> bool:
    """True if `data` looks like one whole frame of `nbytes` decoded bytes (None: of any number).

    Decodes nothing: it recognises bytes that were cut short, or that are something else, by their
    headers alone. `crc32c` says that a checksum of 4 bytes follows, which is not compared.
    """

def crc32c(data: _Items) -> int:
    """The CRC-32C (Castagnoli) of C-contiguous `data`, as in Zarr's codec `crc32c`."""

@final
class Faults:
    """Counts how many times mapped pages of a file could not be read."""

    def __new__(cls) -> Faults: ...
    @property
    def count(self) -> int:
        """The count, which only grows.

        If it has changed, some reads from the mapping returned zeros: discard what was made of
        them.
        """

@final
class File(Buffer):
    """The first `nbytes` bytes of the open file `fileno`, mapped on Linux. Not on Windows.

    `fileno` stays open. A mapped file is a buffer, and stays mapped as long as any view of it
    exists; an access to a page may read the disk. If a page cannot be read, since the file was cut
    short or its device fails, `faults` counts it, and from there to the end the buffer is zeros for
    good. Without this class the access would end the process with SIGBUS. Raises OSError if the
    file is not open.
    """

    def __new__(cls, fileno: int, nbytes: int, faults: Faults) -> File: ...
    def __len__(self) -> int: ...
    @property
    def is_mapped(self) -> bool:
        """True if it is a buffer; otherwise making one raises BufferError: use `read` alone."""
    def read(self, first: int, nbytes: int, counts: Sequence[int] = (), strides: Sequence[int] = ()) -> bytes:
        """Copy pieces of the file, one after the other, so that later writes cannot change them.

        The pieces are `nbytes` bytes each, at `first` plus every sum of multiples of the strides.
        `counts` and `strides` (bytes) have one number per axis. Raises OSError if the file ends
        before the last piece does.
        """
    def prefetch(self, first: int, nbytes: int, counts: Sequence[int], strides: Sequence[int]) -> None:
        """Ask the system to read pieces ahead, and return at once. Does something only on Linux.

        Does nothing if the system seems to have the pieces in its cache, nor for what is beyond
        the end of the mapped file.
        """
    def release(self) -> None:
        """Remove mapped pages from the process's resident memory.

        Views stay valid: they get the pages from the system's cache again.
        """

def _panic() -> None:
    """Panic, so that a test can check that a panic becomes a RuntimeError."""

__version__: str
