"""The image as zarr-python stores it, for servers that send stored bytes.

It is Zarr v3 with our default codec.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import _images


def folder(tiles: _images.Tiles) -> Path:
    """The folder with the store of chunks of this size."""
    return _images.FOLDER / f"stored-{tiles.edge}"


def store(tiles: _images.Tiles) -> Path:
    """Store the image, unless it is stored already; the array is `image` in the returned folder."""
    import zarr
    from zarr.codecs import BloscCodec

    wanted = folder(tiles)
    if not wanted.exists():
        writing = wanted.with_name(f"{wanted.name}.writing")
        shutil.rmtree(writing, ignore_errors=True)
        group = zarr.create_group(writing, zarr_format=3)
        codec = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=_images.ITEMSIZE)
        group.create_array("image", data=_images.camera(), chunks=(tiles.edge, tiles.edge), compressors=codec)
        writing.rename(wanted)
    return wanted
