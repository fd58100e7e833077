"""Tiled's own Zarr endpoint over the image in memory.

It encodes each chunk for each request, with numcodecs, in the codec that is our default.
"""

from __future__ import annotations

from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.config import Authentication
from tiled.server.app import build_app

import _images

edge = _images.served().edge
chunks = ((edge,) * (_images.SIDE // edge),) * 2
tree = MapAdapter({"image": ArrayAdapter.from_array(_images.camera(), chunks=chunks)})
app = build_app(tree, authentication=Authentication(allow_anonymous_access=True))
