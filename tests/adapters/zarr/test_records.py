"""Zarr v2 stores with records that zarr-python 3 can neither read nor write.

The tests write them as the specification says.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from clients import envs
from tiled_zarr.adapters.zarr import open_zarr
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Group
from tiled_zarr.stores import KeySpaceStore

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")
DTYPE = np.dtype([("id", "u1"), ("v", ">f4", (3,)), ("in", [("k", "<i2"), ("m", "<i4", (2, 2))])])
VALUES = np.frombuffer(bytes(range(30)) * DTYPE.itemsize, "u1")[: 7 * DTYPE.itemsize].view(DTYPE)
SPELLED = [["id", "|u1"], ["v", ">f4", [3]], ["in", [["k", "<i2"], ["m", "<i4", [2, 2]]]]]
FILL = VALUES[3]


def write(folder: Path, values: np.ndarray[Any, Any], chunk: int, *, missing: tuple[int, ...] = (), **document: Any) -> Path:
    """A group with a consolidated document and the array `records` in it."""
    shape, chunks = values.shape, (chunk,) * values.ndim
    written = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": SPELLED, "compressor": None, "fill_value": None, "order": "C"}
    written |= {"filters": None, **document}
    array = folder / "a.zarr" / "records"
    array.mkdir(parents=True)
    documents = {".zgroup": {"zarr_format": 2}, "records/.zarray": written, "records/.zattrs": {"unit": "mm"}}
    for name, content in {**documents, ".zmetadata": {"zarr_consolidated_format": 1, "metadata": documents}}.items():
        (folder / "a.zarr" / name).write_text(json.dumps(content))
    codec = numcodecs.get_codec(written["compressor"]) if written["compressor"] else None
    items = values.reshape(-1)
    for number in set(range(-(-items.size // chunk))) - set(missing):
        padded = np.zeros(chunk, values.dtype)
        part = items[number * chunk : (number + 1) * chunk]
        padded[: part.size] = part
        (array / str(number)).write_bytes(codec.encode(padded.tobytes()) if codec else padded.tobytes())
    return folder / "a.zarr"


STORES: dict[str, dict[str, Any]] = {
    "plain": {},
    "blosc": {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}},
    "zlib": {"compressor": {"id": "zlib", "level": 1}},
    "bz2": {"compressor": {"id": "bz2", "level": 1}},
}
"""The last one is a codec that only zarr-python decodes."""


@pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
@pytest.mark.parametrize("document", STORES.values(), ids=STORES.keys())
def test_records_are_groups_of_their_fields(tmp_path, format_, document):
    tree = open_zarr(write(tmp_path, VALUES, 4, **document))
    store = KeySpaceStore(KeySpace(tree, format_, Config(codec="zstd:1")))
    root = zarr.open_consolidated(store, mode="r", zarr_format=2 if format_ is v2 else 3)
    assert root["records"].attrs["unit"] == "mm"
    for path, values in (("id", VALUES["id"]), ("v", VALUES["v"]), ("in/k", VALUES["in"]["k"]), ("in/m", VALUES["in"]["m"])):
        found = root[f"records/{path}"][...]
        assert found.tobytes() == values.astype(values.dtype.newbyteorder("<")).tobytes(), path


@pytest.mark.parametrize("fill", [FILL, None], ids=["fill", "null"])
def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path, fill):
    spelled = None if fill is None else base64.standard_b64encode(fill.tobytes()).decode()
    node = open_zarr(write(tmp_path, VALUES, 4, missing=(1,), fill_value=spelled)).children["records"]
    expected = np.zeros((), DTYPE) if fill is None else fill
    assert node.read((slice(0, 7),)).tobytes() == VALUES[:4].tobytes() + expected.tobytes() * 3
    assert node.read((slice(5, 6),)).tobytes() == expected.tobytes()


def test_a_record_without_axes(tmp_path):
    node = open_zarr(write(tmp_path, VALUES[2:3].reshape(()), 1)).children["records"]
    assert (node.shape, node.dtype, node.read(()).tobytes()) == ((), DTYPE, VALUES[2].tobytes())


@pytest.mark.parametrize("spelled", [[["a", "<i4", [-1]]], [["a", "<i4", [2]], ["a", "i4"]], [["a"]], [[]], [5]], ids=str)
def test_a_type_that_is_none_takes_nothing_else_away(tmp_path, spelled):
    path = write(tmp_path, VALUES, 4, dtype=spelled)
    root = open_zarr(path)
    assert isinstance(root, Group)
    with pytest.raises(Exception, match=r".+"):
        root.children["records"]


def test_zarr_2_writes_such_stores(tmp_path):
    """The reference for what is written here."""
    script = "import sys, numpy, zarr; v = numpy.load(sys.argv[2]); zarr.open(sys.argv[1], 'w', shape=7, chunks=4, dtype=v.dtype)[:] = v"
    np.save(tmp_path / "values.npy", VALUES)
    command = [envs.interpreter("zarr2"), "-c", script, tmp_path / "b.zarr", tmp_path / "values.npy"]
    subprocess.run(command, check=True, timeout=60)
    node = open_zarr(tmp_path / "b.zarr")
    assert node.dtype == DTYPE
    assert node.read((slice(0, 7),)).tobytes() == VALUES.tobytes()
