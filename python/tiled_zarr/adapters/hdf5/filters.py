"""Filters of HDF5 datasets whose stored chunks are what a Zarr codec would write.

https://support.hdfgroup.org/documentation/hdf5/latest/, https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

from ...codecs import Codec
from ..common.codec_names import blosc, spelled


class Code(IntEnum):
    """Numbers of filters."""

    DEFLATE = 1
    BLOSC = 32001
    ZSTANDARD = 32015


DEFAULT_LEVEL = 3
"""Of the Zstandard filter, where it is given none."""
CNAMES = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")

Filter: TypeAlias = tuple[int, tuple[int, ...]]
"""The number of a filter and its parameters."""


def codec_of(filters: Sequence[Filter], itemsize: int) -> Codec | None:
    """The codec of chunks that went through these filters, for items of so many bytes, or None where no codec says the same.

    Zlib's stream, which is what deflate means here, has no codec in Zarr v3; that is for the format to know.

    >>> str(codec_of([(1, (6,))], 4)), codec_of([(2, (4,)), (1, (6,))], 4), str(codec_of([], 4))
    ('zlib:6', None, 'none')
    """
    if not filters:
        return spelled("none")
    (code, parameters), *others = filters
    if others:
        return None
    match code:
        case Code.DEFLATE:
            return spelled("zlib", *parameters[:1])
        case Code.ZSTANDARD:
            return spelled("zstd", *(parameters[:1] or (DEFAULT_LEVEL,)))
        case Code.BLOSC:
            return _blosc(parameters, itemsize)
    return None


def _blosc(parameters: tuple[int, ...], itemsize: int) -> Codec | None:
    """Its parameters are two versions, the typesize, the chunk's bytes, and of those that may be left out: level, shuffle, compressor."""
    if len(parameters) < 4:
        return None
    level, shuffle, compressor = (*parameters[4:7], *(5, 1, 0)[len(parameters[4:7]) :])
    if compressor >= len(CNAMES) or shuffle >= len(SHUFFLES) or (shuffle and parameters[2] != itemsize):
        return None
    return blosc(CNAMES[compressor], level, SHUFFLES[shuffle])
