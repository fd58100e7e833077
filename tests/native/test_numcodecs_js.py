"""The browser's decoder, numcodecs.js, reads every codec as numcodecs does."""

from __future__ import annotations

import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from native.buffers import CNAMES, SHUFFLES, blosc, contents
from tiled_zarr._native import Codec, encode

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("decode.mjs")
SIZES = (16, 120, 127, 128, 1000, 4096, 65_536 + 24, (256 << 10) + 8, 700_000)


def bodies():
    """Names, data and bodies of a batch."""
    for picture in pictures():
        codec = blosc(cname="lz4", shuffle="shuffle", typesize=picture.itemsize)
        yield f"blosc-picture-{picture.dtype}", picture.tobytes(), encode(picture.view(f"V{picture.itemsize}"), picture.shape, codec)
    for cname, shuffle, typesize, nbytes in product(CNAMES, SHUFFLES, (1, 2, 4, 8, 16), SIZES):
        for content, data in contents(nbytes // typesize * typesize).items():
            codec = blosc(cname=cname, shuffle=shuffle, typesize=typesize)
            yield f"blosc-{cname}-{shuffle}-{typesize}-{nbytes}-{content}", data, codec.encode(data)
    for name, nbytes in product(("zstd", "gzip", "zlib", "lz4"), SIZES):
        for content, data in contents(nbytes).items():
            yield f"{name}-{nbytes}-{content}", data, Codec(name, level=1).encode(data)


def pictures():
    """Noise, in rows long enough for the encoder to look at them before it decides what to do."""
    random = np.random.default_rng(2026)
    for dtype in ("<u2", "<i4", "<i8"):
        yield random.poisson(random.uniform(1, 300, (1, 512)), (300, 512)).astype(dtype)


def test_numcodecs_js_decodes_every_codec(tmp_path):
    expected = {}
    for name, data, body in bodies():
        (tmp_path / f"{name}.body").write_bytes(body)
        expected[name] = data
    subprocess.run(["node", SCRIPT, tmp_path], check=True, timeout=150)
    for name, data in expected.items():
        assert (tmp_path / f"{name}.decoded").read_bytes() == data, name
