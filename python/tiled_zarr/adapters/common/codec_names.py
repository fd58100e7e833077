"""Compressors of stored chunks, spelled as `tiled_zarr.codecs` reads them."""

from __future__ import annotations

from typing import Any

from ... import codecs


def spelled(name: str, *parts: Any) -> str | None:
    """The spelling of a compressor with its parameters, or None where it is none that could be sent.

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
    """The spelling of Blosc; its shuffle must be known."""
    return None if shuffle is None else spelled("blosc", cname, level, shuffle)
