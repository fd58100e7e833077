"""xpublish-zarr over the image in memory, in chunks of dask, since it encodes only those on the fly; its cache is as small as it gets."""

from __future__ import annotations

import dask.array
import xarray
import xpublish
from zarr.codecs import BloscCodec

import _images

edge = _images.served().edge
image = xarray.Variable(("y", "x"), dask.array.from_array(_images.camera(), chunks=(edge, edge), name=False))
image.encoding["compressors"] = (BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=_images.ITEMSIZE),)
app = xpublish.Rest({"image": xarray.Dataset({"image": image})}, cache_kws={"available_bytes": 1e6}).app
