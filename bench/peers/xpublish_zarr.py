"""xpublish-zarr over the image in memory, with its cache as small as it can be.

The image is in chunks of dask, since xpublish-zarr encodes only those on the fly.
"""

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
