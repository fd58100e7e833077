"""HDF5 filters whose chunks Zarr clients can read as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import pytest

from stored import DATA
from tiled_zarr import codecs, frames
from tiled_zarr.adapters._hdf5stored import spelling

CHUNK = (128, 128)
FLAT = DATA // 1000
"""What every filter makes smaller; a chunk that one does not is stored without it."""
BLOSC = [(cname, shuffle) for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd") for shuffle in range(3)]
SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
SAME: dict[str, dict[str, Any]] = {
    "none": {},
    "zlib:6": {"compression": "gzip", "compression_opts": 6},
    "zstd:5": hdf5plugin.Zstd(clevel=5),
    "zstd:3": {"compression": 32015},
    "blosc:blosclz:5:shuffle": {"compression": 32001},
    **{f"blosc:{cname}:4:{SHUFFLES[number]}": hdf5plugin.Blosc(cname=cname, clevel=4, shuffle=number) for cname, number in BLOSC},
}
OTHER: dict[str, dict[str, Any]] = {
    "shuffled": {"compression": "gzip", "shuffle": True},
    "checksum": {"compression": "gzip", "fletcher32": True},
    "checksum alone": {"fletcher32": True},
    "lzf": {"compression": "lzf"},
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "lz4": hdf5plugin.LZ4(),
    "blosc2": hdf5plugin.Blosc2(),
    "snappy": hdf5plugin.Blosc(cname="snappy"),
    "scale": {"scaleoffset": 0},
}


def written(folder: Path, options: Any) -> tuple[list[tuple[int, tuple[int, ...]]], bytes]:
    """The filters of a dataset, and the bytes of its first chunk."""
    with h5py.File(folder / "a.h5", "w") as file:
        dataset = file.create_dataset("x", data=FLAT, chunks=CHUNK, **options)
        created = dataset.id.get_create_plist()
        found = [created.get_filter(number) for number in range(created.get_nfilters())]
        mask, body = dataset.id.read_direct_chunk((0, 0))
        assert mask == 0
        return [(code, parameters) for code, _, parameters, _ in found], body


@pytest.mark.parametrize("expected", SAME)
def test_filters_that_are_codecs(tmp_path: Path, expected: str) -> None:
    """The codec that is named decodes what HDF5 has written."""
    filters, body = written(tmp_path, SAME[expected])
    found = spelling(filters, 4)
    assert found == expected
    codec = codecs.parse(found, stored=True)
    compressor, _ = codec.v2()
    decoded = numcodecs.get_codec(compressor).decode(body) if compressor else body
    np.testing.assert_array_equal(np.frombuffer(decoded, "<i4").reshape(CHUNK), FLAT[:128, :128])
    assert frames.is_whole(codec, body, 128 * 128 * 4)


@pytest.mark.parametrize("name", OTHER)
def test_filters_that_are_none(tmp_path: Path, name: str) -> None:
    filters, _ = written(tmp_path, OTHER[name])
    assert spelling(filters, 4) is None


PARAMETERS = {
    "other typesize": (32001, (2, 2, 8, 65536, 5, 1, 1)),
    "too few": (32001, (2, 2)),
    "unknown compressor": (32001, (2, 2, 4, 65536, 5, 1, 9)),
    "unknown shuffle": (32001, (2, 2, 4, 65536, 5, 7, 1)),
    "unknown level": (32001, (2, 2, 4, 65536, 10, 1, 1)),
    "negative level": (32015, (2**32 - 5,)),
    "deflate of no level": (1, (10,)),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_that_say_something_else(name: str) -> None:
    assert spelling([PARAMETERS[name]], 4) is None


def test_without_shuffle_the_size_of_items_says_nothing() -> None:
    assert spelling([(32001, (2, 2, 1, 65536, 5, 0, 1))], 4) == "blosc:lz4:5:noshuffle"
