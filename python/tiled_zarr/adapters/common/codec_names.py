"""Compressors of stored chunks, as the `tiled_zarr.codecs` that would decode them."""

from __future__ import annotations

from typing import Any

from ... import codecs
from ...codecs import Codec


def spelled(name: str, *parts: Any) -> Codec | None:
    """The codec of a compressor with its parameters, or None if it is none that could be sent.

    >>> str(spelled("zstd", 3)), spelled("zlib", -1), str(spelled("blosc", "lz4", 5, "shuffle")), spelled("blosc", "snappy", 5, "shuffle")
    ('zstd:3', None, 'blosc:lz4:5:shuffle', None)
    """
    try:
        return codecs.parse(":".join([name, *map(str, parts)]), stored=True)
    except ValueError:
        return None


def blosc(cname: Any, level: Any, shuffle: str | None) -> Codec | None:
    """The codec of Blosc; its shuffle must be known."""
    return None if shuffle is None else spelled("blosc", cname, level, shuffle)
