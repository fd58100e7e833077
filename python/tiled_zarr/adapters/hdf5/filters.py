"""HDF5 filters whose output is exactly what a Zarr codec would write.

https://support.hdfgroup.org/documentation/hdf5/latest/,
https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

from ...codecs import Codec
from ..common.codec_names import blosc, spelled


class Code(IntEnum):
    """Registered numbers of filters."""

    DEFLATE = 1
    BLOSC = 32001
    ZSTANDARD = 32015


DEFAULT_LEVEL = 3
"""Compression level of the Zstandard filter if it has no parameter."""
CNAMES = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")

Filter: TypeAlias = tuple[int, tuple[int, ...]]
"""The registered number of a filter and its parameters."""


def codec_of(filters: Sequence[Filter], itemsize: int) -> Codec | None:
    """The codec that decodes chunks written by these filters, or None if no codec does.

    `itemsize` is in bytes. HDF5's deflate writes a zlib stream, for which Zarr v3 has no codec; the
    caller that serves v3 must reject `zlib`.

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
    """The codec of the Blosc filter, or None if there is none that matches.

    The filter's parameters are two version numbers, the typesize, the bytes of a chunk and,
    optionally, level, shuffle and compressor.
    """
    if len(parameters) < 4:
        return None
    level, shuffle, compressor = (*parameters[4:7], *(5, 1, 0)[len(parameters[4:7]) :])
    if compressor >= len(CNAMES) or shuffle >= len(SHUFFLES) or (shuffle and parameters[2] != itemsize):
        return None
    return blosc(CNAMES[compressor], level, SHUFFLES[shuffle])
