"""The reasons that users get for files that cannot be read.

Each is one sentence that says what to do, never the message of a library to programmers.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from adapters.damage.sources import SOURCES
from rights import unprivileged
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.openings import reason
from tiled_zarr.nodes import Group, Node

JARGON = re.compile(
    r"[A-Z][a-z]+(Error|Exception|Warning)\b|Errno|errno|Unable to|Can't|codec can't|signature|imcd|libdeflate|LIBDEFLATE|DOS attack"
    r"|Traceback|object at|\bNone\b|__|Expecting|superblock|std::|Arrow|Invalid"
)
"""What libraries say: class names, numbers of errors, their own functions."""
ADVICE = re.compile(
    "write it again|write them again|restore|ask again|convert it|set csv|fetch|save it|unpack|give it|copy|is it really|look at|put it|pip"
)
GARBAGE = b"\x00\xff\x13garbage\x00" * 40
FLIPS = 6


pytestmark = pytest.mark.usefixtures("quiet")


def damaged(raw: bytes) -> dict[str, bytes]:
    """What becomes of a file: cut, emptied, replaced, some of its bytes changed."""
    found = {"emptied": b"", "half": raw[: len(raw) // 2], "most": raw[: len(raw) * 9 // 10], "head": raw[:50], "garbage": GARBAGE}
    found |= {"zeros": raw[:20] + b"\0" * len(raw), "text": b"hello\n", "page": b"<!DOCTYPE html><html></html>"}
    numbers = random.Random(len(raw))
    for number in range(FLIPS):
        changed = bytearray(raw)
        for _ in range(1 + 2 * number):
            changed[numbers.randrange(min(len(raw), 2000 if number % 2 else len(raw)))] = numbers.randrange(256)
        found[f"bytes{number}"] = bytes(changed)
    return found


def spread(good: Path) -> None:
    """Damaged copies of a file or store beside it, of a store one for each of its first files."""
    if good.is_file():
        for name, content in damaged(good.read_bytes()).items():
            good.with_name(f"{name}_{good.name}").write_bytes(content)
        return
    for number, file in enumerate(sorted(path for path in good.rglob("*") if path.is_file())[:4]):
        for name, content in damaged(file.read_bytes()).items():
            store = shutil.copytree(good, good.with_name(f"{name}{number}_{good.name}"))
            (store / file.relative_to(good)).write_bytes(content)


def reasons_of(keys: KeySpace, path: str, node: Node) -> Iterator[tuple[str, str]]:
    """Every reason that a listing below a node or reading all of an array gives."""
    if isinstance(node, Group):
        try:
            for entry in keys.listing(node):
                assert entry.node is not None
                yield from reasons_of(keys, f"{path}/{entry.name}", entry.node)
        except Exception as error:  # noqa: BLE001 - as users are told
            yield path, reason(error)
        yield from ((f"{path}/{name}", why) for name, why in keys.unavailable(node).items())
        return
    try:
        node.read(tuple(slice(0, size) for size in node.shape))  # type: ignore[union-attr] # no sparse arrays here
    except Exception as error:  # noqa: BLE001 - as users are told
        yield path, reason(error)


@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_file_is_described_in_one_sentence(tmp_path: Path, name: str) -> None:
    good = tmp_path / f"good{SOURCES[name].suffix}"
    SOURCES[name].write(good)
    spread(good)
    keys = KeySpace(open_directory(tmp_path), v3)
    reasons = dict(reasons_of(keys, "", keys.root))
    assert reasons
    assert not {path: why for path, why in reasons.items() if JARGON.search(why)}
    assert not {path: why for path, why in reasons.items() if not ADVICE.search(why)}


KINDS = {
    "netcdf_3.nc": (b"CDF\x01" + b"\0" * 100, "a NetCDF-3 file, which is not read; convert it to NetCDF-4 with: nccopy -k nc4"),
    "offset_64.nc": (b"CDF\x02" + b"\0" * 100, "a NetCDF-3 file"),
    "data_64.h5": (b"CDF\x05" + b"\0" * 100, "a NetCDF-3 file"),
    "modis.hdf": (b"\x0e\x03\x13\x01" + b"\0" * 200, "an HDF4 file, which is not read; convert it to HDF5 with: h4toh5"),
    "matlab.h5": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(128), "a MATLAB file of before version 7.3; save it with -v7.3"),
    "lost.h5": (b"<!DOCTYPE html><html></html>", "a web page, perhaps of a failed download; fetch the data again"),
    "pointer.tif": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        "a pointer of Git LFS; fetch the data with: git lfs pull",
    ),
    "picture.tif": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a PNG picture; give it the suffix .png"),
    "packed.h5": (b"\x1f\x8b\x08" + b"\0" * 100, "compressed by gzip; unpack it with gunzip"),
    "array.parquet": (b"\x93NUMPY" + b"\0" * 100, "an NPY file; give it the suffix .npy"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_a_file_is_instead_is_said(tmp_path: Path, name: str) -> None:
    content, expected = KINDS[name]
    (tmp_path / name).write_bytes(content)
    keys = KeySpace(open_directory(tmp_path), v3)
    ((_, why),) = reasons_of(keys, "", keys.root)
    assert why.startswith(f"{name!r} is {expected}")


def test_what_the_system_refuses(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    zarr.create_array(tmp_path / "s.zarr", data=np.arange(3))
    (tmp_path / "a.npy").chmod(0)
    (tmp_path / "s.zarr" / "zarr.json").chmod(0)
    keys = KeySpace(open_directory(tmp_path), v3)
    with unprivileged(tmp_path):
        reasons = dict(reasons_of(keys, "", keys.root))
    right = "the server has no right to read {}; let the user that runs it read the file (chmod u+r)"
    assert reasons == {"/a": right.format("'a.npy'"), "/s": right.format("'zarr.json'")}
