"""NPY arrays and NPZ archives of them; we never load pickled objects.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO, FileIO
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import IO, Any, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from ...nodes import Array, Damaged, Dense, Group, Node, Region, Unavailable
from ...resources import Resources
from ..common.children import Children
from ..common.decoded import piece
from ..common.flat import FlatArray
from ..common.ranged import by_ranges
from ..common.snapshot import Snapshot
from .archives import AT_ONCE, Listed, Member

Read: TypeAlias = Callable[[Region], "np.ndarray[Any, Any]"]
ParseHeader: TypeAlias = "Callable[[Any], tuple[tuple[int, ...], bool, np.dtype[Any]]]"
ReadStepped: TypeAlias = Callable[[Region, tuple[int, ...]], "np.ndarray[Any, Any]"]

SUFFIX = ".npy"
LARGEST_HEADER = 64 * 1024
"""Bytes of a header, at most; parsing one of 1 MiB held the GIL for 1.1 s."""
ARRAY, ARCHIVE = "an NPY array", "an NPZ archive"
PARSING = Lock()
"""Held while we parse a header.

CPython 3.11 and 3.12.0 count the depth of all threads' syntax trees together, and raise SystemError
if two threads build one at once (https://github.com/python/cpython/issues/106905).
"""


@by_ranges(but=[".npz"])
def open_npy(path: Path, resources: Resources | None = None) -> Node:
    """The array of an `.npy` file, or the group of arrays of an `.npz` archive."""
    snapshot = Snapshot.of(path, resources)
    with snapshot.failures_as(ARCHIVE if path.suffix.lower() == ".npz" else ARRAY), snapshot.opened() as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return _flat_node(snapshot, *_header(file), offset=file.tell())
    with snapshot.read_as(ARCHIVE) as readable, ZipFile(readable) as archive:
        members = {info.filename.removesuffix(SUFFIX): info for info in archive.infolist() if info.filename.endswith(SUFFIX)}
        others = [info.filename for info in archive.infolist() if not info.filename.endswith(SUFFIX) and not info.is_dir()]
    return Group(
        children=Children(members, lambda name: _member(snapshot, members[name]), resources),
        unavailable=lambda: dict.fromkeys(others, "it is no .npy array"),
        revision=snapshot.revision,
        blocking=True,
    )


def _header(file: IO[bytes] | FileIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and type; leaves the file at the start of the data.

    Raises Unavailable for Python objects.
    """
    version = npy.read_magic(file)
    parse: ParseHeader = HEADERS.get(version, _header_3_0)
    with PARSING:
        shape, is_fortran, dtype = parse(file)
    if min(shape, default=0) < 0:
        raise ValueError(f"a shape of {shape}")
    if dtype.hasobject:
        raise Unavailable("it holds pickled Python objects, which are not loaded; save it as numbers or fixed-size text")
    return shape, is_fortran, dtype


def _header_2_0(file: IO[bytes] | FileIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The header of version 2.0, which has a larger size field than 1.0.

    numpy would allocate whatever size is there. Raises Damaged if it is too large.
    """
    size = file.read(4)
    return npy.read_array_header_2_0(BytesIO(size + _header_text(size, file)))


def _header_3_0(file: IO[bytes] | FileIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The header of version 3.0, like 2.0 but in UTF-8; numpy has no public reader for it."""
    text = _header_text(file.read(4), file).decode("utf-8")
    try:
        header = ast.literal_eval(text)
    except MemoryError as why:  # CPython's parser raises it for what is nested too deep
        raise ValueError("a header that is nested too deep") from why
    return tuple(header["shape"]), bool(header["fortran_order"]), npy.descr_to_dtype(header["descr"])


def _header_text(stored_size: bytes, file: IO[bytes] | FileIO) -> bytes:
    size = int.from_bytes(stored_size, "little")
    if size > LARGEST_HEADER:
        raise Damaged(f"a header of {size} bytes, at most {LARGEST_HEADER} are read; write the array again")
    return file.read(size)


HEADERS: Mapping[tuple[int, int], ParseHeader] = MappingProxyType(
    {
        (1, 0): npy.read_array_header_1_0,
        (2, 0): _header_2_0,
    }
)


def _member(snapshot: Snapshot, info: ZipInfo) -> Array:
    """One array of an archive: read in place if it is uncompressed, else decompressed whole."""
    with snapshot.read_as(ARCHIVE) as path, Listed(path) as archive, archive.open(info) as file:
        shape, is_fortran, dtype = _header(file)
        header = file.tell()
    if header + math.prod(shape) * dtype.itemsize > info.file_size:
        raise Damaged(f"{info.filename!r} has {info.file_size} bytes, too few for {shape} items of {dtype}; write the archive again")
    if info.compress_type != ZIP_STORED or info.flag_bits & 1:
        return _node(snapshot, shape, dtype, partial(_read_compressed, snapshot, info, math.prod(shape) * dtype.itemsize))
    member = Member.of(snapshot, info)
    flat = _flat_node(snapshot, shape, is_fortran, dtype, offset=member.offset + header)
    assert flat.source.read_stepped is not None
    return _node(snapshot, shape, dtype, _checked(member, flat.read), _checked(member, flat.source.read_stepped))


def _checked(member: Member, read: Callable[..., np.ndarray[Any, Any]]) -> Callable[..., np.ndarray[Any, Any]]:
    """The same function, which first verifies the member's checksum."""

    def checked(*arguments: Any) -> np.ndarray[Any, Any]:
        member.check()
        return read(*arguments)

    return checked


def _read_compressed(snapshot: Snapshot, info: ZipInfo, nbytes: int, region: Region) -> np.ndarray[Any, Any]:
    def decompress() -> np.ndarray[Any, Any]:
        with snapshot.read_as(ARCHIVE) as path, Listed(path) as archive, archive.open(info) as file:
            shape, is_fortran, dtype = _header(file)
            items = np.empty(shape[::-1] if is_fortran else shape, dtype)
            _fill(items, file)
            return items.T if is_fortran else items

    index: Any = (*region, ...)
    block: np.ndarray[Any, Any] = piece(snapshot.resources.decoded, snapshot, info.filename, decompress, nbytes)[index]
    return block


def _fill(items: np.ndarray[Any, Any], file: IO[bytes]) -> None:
    """Read all items, then on to the end of the file: there, zipfile verifies the checksum."""
    left = items.reshape(-1).view("u1").data if items.size else memoryview(b"")
    while left:
        part = file.read(min(len(left), AT_ONCE))
        if not part:
            raise EOFError(f"{len(left)} bytes are missing")
        left[: len(part)] = part
        left = left[len(part) :]
    while file.read(AT_ONCE):
        pass


def _flat_node(snapshot: Snapshot, shape: tuple[int, ...], is_fortran: bool, dtype: np.dtype[Any], *, offset: int) -> Array:
    if not is_fortran:
        flat = FlatArray(snapshot, offset, shape, dtype)
        return _node(snapshot, shape, dtype, flat.read, flat.read_stepped)
    flat = FlatArray(snapshot, offset, shape[::-1], dtype)
    return _node(
        snapshot,
        shape,
        dtype,
        lambda region: flat.read(region[::-1]).T,
        lambda region, steps: flat.read_stepped(region[::-1], steps[::-1]).T,
    )


def _node(snapshot: Snapshot, shape: tuple[int, ...], dtype: np.dtype[Any], read: Read, read_stepped: ReadStepped | None = None) -> Array:
    return Array(shape=shape, dtype=dtype, source=Dense(read, read_stepped), revision=snapshot.revision)
