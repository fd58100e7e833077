"""The browser's decoder, numcodecs.js, reads every codec as numcodecs does."""

from __future__ import annotations

import subprocess
from itertools import product
from pathlib import Path

from native.buffers import CNAMES, SHUFFLES, blosc, contents
from tiled_zarr._native import Codec

SCRIPT = Path(__file__).with_name("decode.mjs")
SIZES = (16, 120, 127, 128, 1000, 4096, 65_536 + 24, (256 << 10) + 8, 700_000)


def bodies():
    """Names, data and bodies of a batch."""
    for cname, shuffle, typesize, nbytes in product(CNAMES, SHUFFLES, (1, 2, 4, 8, 16), SIZES):
        for content, data in contents(nbytes // typesize * typesize).items():
            yield f"blosc-{cname}-{shuffle}-{typesize}-{nbytes}-{content}", data, blosc(cname=cname, shuffle=shuffle, typesize=typesize)
    for name, nbytes in product(("zstd", "gzip", "zlib", "lz4"), SIZES):
        for content, data in contents(nbytes).items():
            yield f"{name}-{nbytes}-{content}", data, Codec(name, level=1)


def test_numcodecs_js_decodes_every_codec(tmp_path):
    expected = {}
    for name, data, codec in bodies():
        (tmp_path / f"{name}.body").write_bytes(codec.encode(data))
        expected[name] = data
    subprocess.run(["node", SCRIPT, tmp_path], check=True, timeout=150)
    for name, data in expected.items():
        assert (tmp_path / f"{name}.decoded").read_bytes() == data, name
