"""JavaScript reads the chunks that other programs have stored as we send them, untouched.

Chunks that we encode under the same codec lie beside them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numcodecs
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from clients.test_zarrita import ask
from live import live
from stored import CHUNK, DATA

CNAMES = ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
STORED: dict[str, dict[str, Any]] = {
    **{f"blosc_{cname}": {"compressors": [BloscCodec(cname=cname, shuffle="bitshuffle")]} for cname in CNAMES},
    **{f"blosc_{cname}_v2": {"zarr_format": 2, "compressors": numcodecs.Blosc(cname, 9, 1)} for cname in CNAMES},
    "zstd": {"compressors": [ZstdCodec(level=0, checksum=True)]},
    "zlib": {"zarr_format": 2, "compressors": numcodecs.Zlib(6)},
    "gzip": {"compressors": [GzipCodec(level=9)]},
    "none": {"compressors": None},
    "checked": {"compressors": [ZstdCodec(level=1), Crc32cCodec()]},
    "sharded": {"shards": (256, 512)},
}


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_zarrita_reads_what_is_stored(tmp_path: Path) -> None:
    """Whole arrays, so edges and a chunk that was never written are among what is read."""
    expected = DATA.copy()
    expected[128:256, 128:256] = 7
    for name, options in STORED.items():
        array = zarr.create_array(tmp_path / f"{name}.zarr", shape=DATA.shape, dtype=DATA.dtype, chunks=CHUNK, fill_value=7, **options)
        array[...] = expected
    jobs = {name: [[(0, size) for size in DATA.shape]] for name in STORED}
    with live("directory", tmp_path, "--public") as server:
        for format_name in ("v2", "v3"):
            answers = ask(f"{server.url}/zarr/{format_name}", format_name, jobs)
            for name in STORED:
                assert "error" not in answers[name], (format_name, answers[name])
                (block,) = answers[name]["blocks"]
                assert block["sha256"] == hashlib.sha256(expected.tobytes()).hexdigest(), (format_name, name)
