"""Write bodies.json: what every codec makes of one small array.

Run it when a change of bytes is meant, and raise the encoder's version with it.

PYTHONPATH=tests python tests/native/golden/make.py
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np

from native.buffers import CNAMES, SHUFFLES
from tiled_zarr._native import Codec

FILE = Path(__file__).with_name("bodies.json")
DATA = (np.arange(400) ** 2 // 300).astype("<u2").tobytes()


def bodies() -> dict[str, str]:
    """The bodies as hexadecimal text, by the codec's name."""
    codecs = {
        f"{cname}-{shuffle}": Codec("blosc", cname=cname, shuffle=shuffle, typesize=2) for cname, shuffle in product(CNAMES, SHUFFLES)
    }
    codecs |= {name: Codec(name, level=1) for name in ("zstd", "gzip", "zlib", "lz4", "none")}
    codecs["none+crc32c"] = Codec("none", crc32c=True)
    return {name: codec.encode(DATA).hex() for name, codec in codecs.items()}


if __name__ == "__main__":
    FILE.write_text(json.dumps(bodies(), indent=1) + "\n")
