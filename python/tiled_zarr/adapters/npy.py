"""NPY arrays and NPZ archives of them; pickled objects are never loaded.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from typing import IO, Any, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from ..nodes import Array, Group, Node, Region, Unavailable
from ._decoded import DECODED
from ._flat import FlatArray
from ._opening import Children
from ._snapshots import Snapshot

Read: TypeAlias = Callable[[Region], "np.ndarray[Any, Any]"]
ReadStepped: TypeAlias = Callable[[Region, tuple[int, ...]], "np.ndarray[Any, Any]"]

SUFFIX = ".npy"
LARGEST_HEADER = 1024 * 1024


def open_npy(path: Path) -> Node:
    """The array of an `.npy` file, or the group of arrays of an `.npz` archive."""
    snapshot = Snapshot.of(path)
    with snapshot.opened() as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return _flat_node(snapshot, *_header(file), offset=file.tell())
    with snapshot.unchanged(), ZipFile(path) as archive:
        members = {info.filename.removesuffix(SUFFIX): info for info in archive.infolist() if info.filename.endswith(SUFFIX)}
        others = [info.filename for info in archive.infolist() if not info.filename.endswith(SUFFIX) and not info.is_dir()]
    return Group(
        children=Children(members, lambda name: _member(snapshot, members[name])),
        unavailable=lambda: dict.fromkeys(others, "it is no .npy array"),
        revision=snapshot.revision,
        blocking=True,
    )


def _header(file: IO[bytes] | FileIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and type; the file is left where the data begin. Raises Unavailable for objects."""
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, is_fortran, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, is_fortran, dtype = npy.read_array_header_2_0(file)
    else:
        shape, is_fortran, dtype = _header_3_0(file)
    if dtype.hasobject:
        raise Unavailable("it holds pickled Python objects, which are not loaded; save it as numbers or fixed-size text")
    return shape, is_fortran, dtype


def _header_3_0(file: IO[bytes] | FileIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The same as 2.0 but in UTF-8; numpy has no public reader for it."""
    size = int.from_bytes(file.read(4), "little")
    if size > LARGEST_HEADER:
        raise ValueError(f"a header of {size} bytes, at most {LARGEST_HEADER} are read")
    header = ast.literal_eval(file.read(size).decode("utf-8"))
    return tuple(header["shape"]), bool(header["fortran_order"]), npy.descr_to_dtype(header["descr"])


def _member(snapshot: Snapshot, info: ZipInfo) -> Array:
    """One array of an archive: read from where it lies if it is stored as it is, else decompressed whole."""
    with snapshot.unchanged(), ZipFile(snapshot.path) as archive, archive.open(info) as member:
        shape, is_fortran, dtype = _header(member)
        header = member.tell()
    if info.compress_type == ZIP_STORED and not info.flag_bits & 1:
        return _flat_node(snapshot, shape, is_fortran, dtype, offset=_data_offset(snapshot, info) + header)
    return _node(snapshot, shape, dtype, partial(_read_compressed, snapshot, info, math.prod(shape) * dtype.itemsize))


def _data_offset(snapshot: Snapshot, info: ZipInfo) -> int:
    """Where a member's bytes begin: behind its local header, whose name and extra field have lengths of their own."""
    with snapshot.opened() as file:
        file.seek(info.header_offset)
        header = file.read(30)
    return info.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


def _read_compressed(snapshot: Snapshot, info: ZipInfo, nbytes: int, region: Region) -> np.ndarray[Any, Any]:
    def decompress() -> np.ndarray[Any, Any]:
        with snapshot.unchanged(), ZipFile(snapshot.path) as archive, archive.open(info) as member:
            array: np.ndarray[Any, Any] = npy.read_array(member, allow_pickle=False)
            return array

    index: Any = (*region, ...)
    block: np.ndarray[Any, Any] = DECODED.get(snapshot, info.filename, decompress, nbytes)[index]
    return block


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
    return Array(shape=shape, dtype=dtype, read=read, revision=snapshot.revision, read_stepped=read_stepped)
