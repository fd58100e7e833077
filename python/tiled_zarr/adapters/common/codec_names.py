"""The spelling of stored chunks' compressors, as `tiled_zarr.codecs` parses it."""

from __future__ import annotations

from typing import Any

from ... import codecs


def spelled(name: str, *parts: Any) -> str | None:
    """The spelling of a compressor with its parameters, or None if a client could not decode it.

    >>> spelled("zstd", 3), spelled("zlib", -1), spelled("blosc", "lz4", 5, "shuffle"), spelled("blosc", "snappy", 5, "shuffle")
    ('zstd:3', None, 'blosc:lz4:5:shuffle', None)
    """
    spelling = ":".join([name, *map(str, parts)])
    try:
        codecs.parse(spelling, stored=True)
    except ValueError:
        return None
    return spelling


def blosc(cname: Any, level: Any, shuffle: str | None) -> str | None:
    """The spelling of Blosc; None if its shuffle is unknown."""
    return None if shuffle is None else spelled("blosc", cname, level, shuffle)
