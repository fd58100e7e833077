"""Small files of all formats but Zarr that decode to 128 MiB: refused or read right.

Both take little memory, helper processes included.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.bombs import asking, files

pytestmark = pytest.mark.slow

MOST = 80
"""MiB: half of what the bombs decode to, and what a library takes at once."""
MOST_OF_LIBRARY = 340
"""MiB that a read of texts by the HDF5 library may take.

It is a helper's slack (64), four copies of 64 MiB of text, and our own memory.
"""
IN_FLIGHT = 100 * 2**20

KINDS: dict[str, tuple[dict[str, int], str]] = {
    "tiff": ({"lzma": 200, "lzma_strip": 200, "lzw": 200, "lzw_strip": 200}, "cannot be decoded"),
    "tiff_pictures": ({}, r"is a picture of 36000000 pixels, at most 1048576"),
    "png": ({"idat8": 200, "idat16": 200}, "cannot be read as a picture"),
    "npz": ({"longer/a": 200}, r"a header of 134217728 bytes, at most 65536"),
    "b2nd": ({}, "cannot be read as a Blosc2 array"),
    "csv": (dict.fromkeys(["line/a", "quoted/a"], 413), "holds more than 256 MiB of text"),
    "hdf5": ({"a/long": 413}, r"decodes to more|cannot be decoded|truncated, damaged|takes more memory"),
    "parquet": (dict.fromkeys(["dictionary/a", "repeated/a", "text_gzip/a", "text_snappy/a", "text_zstd/a", "numbers/a"], 413), "MiB"),
}
"""By kind: the nodes whose status is not 500, and the reasons of refusals.

The status is 200 if what lies beyond the array is never decoded.
"""


@pytest.mark.parametrize("kind", KINDS)
def test_bombs_take_little_memory(tmp_path: Path, kind: str) -> None:
    statuses, reason = KINDS[kind]
    keys = getattr(files, f"write_{kind}")(tmp_path)
    costs = asking.costs(tmp_path, keys, warm=files.neighbours(tmp_path, kind), in_flight=IN_FLIGHT)
    for key, cost in costs.items():
        assert (key, cost.status) == (key, statuses.get(key.partition("!")[0], 500)), cost
        assert cost.status == 200 or re.search(reason, cost.body), (key, cost.body)
        most = MOST_OF_LIBRARY if key.startswith(("a/text", "a/long")) else MOST
        assert cost.peak < most, (key, cost)
    assert len(costs) == len(keys)
