import os
from pathlib import Path

import numpy as np
import pytest

from tiled_zarr.adapters import adapt
from tiled_zarr.adapters.memory.numpy import adapt_array, adapt_masked, adapt_memmap, adapt_value
from tiled_zarr.nodes import Damaged, Unavailable
from tiled_zarr.revisions import launch_nonce
from tiled_zarr.testing import ARRAYS, Contract

MASKED = {
    "floats": (np.ma.MaskedArray([1.0, 2.0, 3.0], [0, 1, 0]), np.array([1, np.nan, 3])),
    "integers": (
        np.ma.MaskedArray(np.arange(6, dtype="i2").reshape(2, 3), np.eye(2, 3), fill_value=-9),
        np.array([[-9, 1, 2], [3, -9, 5]], "i2"),
    ),
    "times": (np.ma.MaskedArray(np.array(["2026-01-01", "2026-01-02"], "M8[D]"), [0, 1]), np.array(["2026-01-01", "NaT"], "M8[D]")),
    "records": (
        np.ma.MaskedArray(np.array([(1, "a", 2.5), (2, "b", 3)], "i4,U4,f8"), [(0, 1, 0), (1, 0, 1)]),
        np.array([(1, "N/A", 2.5), (999999, "b", np.nan)], "i4,U4,f8"),
    ),
    "record_of_arrays": (
        np.ma.MaskedArray(np.array([([1, 2], 5)], "(2,)i2,u1"), [([0, 1], 0)], fill_value=(-9, 0)),
        np.array([([1, -9], 5)], "(2,)i2,u1"),
    ),
    "no_axes": (np.ma.MaskedArray(np.array(7), True, fill_value=-1), np.array(-1)),
    "nothing_masked": (np.ma.MaskedArray([1, 2, 3]), np.array([1, 2, 3])),
}
VALUES = {
    "integer": (42, np.array(42)),
    "float": (3.5, np.array(3.5)),
    "truth": (True, np.array(True)),
    "complex": (1 + 2j, np.array(1 + 2j)),
    "text": ("naïve", np.array("naïve")),
    "bytes": (b"abc", np.array(b"abc")),
    "numpy_scalar": (np.float32(1.5), np.array(1.5, "f4")),
    "time": (np.datetime64("2026-11-23", "ns"), np.array("2026-11-23", "M8[ns]")),
    "list": ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
    "no_items": ([], np.array([])),
}
VARIABLE = np.array([["a", "naïve"], ["", "longer than sixteen bytes"]], np.dtypes.StringDType())
MISSING = np.array(["a", None], np.dtypes.StringDType(na_object=None))


def mapped(folder: Path) -> np.memmap:
    path = folder / "mapped.bin"
    np.arange(20, dtype=">i4").tofile(path)
    return np.memmap(path, ">i4", "r", shape=(4, 5))


STRINGS = {
    "strings": lambda _: (adapt_array(VARIABLE), VARIABLE.astype(object)),
    "missing": lambda _: (adapt_array(MISSING), np.array(["a", ""], object)),
}


class TestArrays(Contract, cases={name: lambda _, array=array: (adapt_array(array), array) for name, array in ARRAYS.items()}): ...


class TestMasked(Contract, cases={name: lambda _, pair=pair: (adapt_masked(pair[0]), pair[1]) for name, pair in MASKED.items()}): ...


class TestValues(Contract, cases={name: lambda _, pair=pair: (adapt_value(pair[0]), pair[1]) for name, pair in VALUES.items()}): ...


class TestVariableStrings(Contract, cases=STRINGS): ...


class TestMapped(Contract, cases={"mapped": lambda folder: (adapt_memmap(mapped(folder)), np.arange(20, dtype=">i4").reshape(4, 5))}): ...


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
def test_a_block_is_a_view(array):
    block = adapt_array(array).read(tuple(slice(0, n) for n in array.shape))
    assert block.size == 0 or np.shares_memory(block, array)


def test_memory_keeps_its_revision_for_a_launch():
    assert adapt_array(np.zeros(3)).revision() == launch_nonce()
    assert not adapt_array(np.zeros(3)).blocking


def test_a_mapped_file_changes_its_revision(tmp_path):
    node = adapt_memmap(mapped(tmp_path))
    before = node.revision()
    (tmp_path / "mapped.bin").write_bytes(bytes(100))
    assert node.revision() != before
    assert node.blocking


def test_a_map_that_is_written_to_is_read_as_it_is_now(tmp_path):
    array = np.memmap(tmp_path / "a.bin", "<i4", "w+", shape=(4, 5))
    node = adapt_memmap(array)
    everything = (slice(0, 4), slice(0, 5))
    assert not node.read(everything).any()
    array[1] = 7
    array.flush()
    np.testing.assert_array_equal(node.read(everything), array)


def test_a_private_map_is_read_with_its_own_changes(tmp_path):
    mapped(tmp_path)
    array = np.memmap(tmp_path / "mapped.bin", ">i4", "c", shape=(4, 5))
    array[:] = 9
    assert (adapt_memmap(array).read((slice(0, 4), slice(0, 5))) == 9).all()


@pytest.mark.parametrize("part", [np.s_[1:, ::2], np.s_[::-1], np.s_[:, 3]], ids=["strided", "reversed", "column"])
def test_a_part_of_a_map_is_that_part(tmp_path, part):
    array = mapped(tmp_path)[part]
    block = adapt_memmap(array).read(tuple(slice(0, size) for size in array.shape))
    np.testing.assert_array_equal(block, np.arange(20, dtype=">i4").reshape(4, 5)[part])


@pytest.mark.parametrize(
    "kind", [lambda array: array, np.asarray, lambda array: np.asarray(array)[::-1][::-1]], ids=["map", "array", "view"]
)
def test_a_map_whose_file_was_cut_is_damaged(tmp_path, kind):
    """Looking at numpy's own mapping would end this process."""
    array = np.memmap(tmp_path / "a.bin", "u1", "w+", shape=(100_000,))
    node = adapt(kind(array))
    os.truncate(tmp_path / "a.bin", 10)
    with pytest.raises(Damaged, match="ends at byte 10, data are expected up to 100000"):
        node.read((slice(99_000, 100_000),))


def test_a_filled_item_is_named():
    assert adapt_masked(MASKED["integers"][0]).attributes == {"tiled_zarr": {"masked": -9}}
    assert adapt_masked(MASKED["nothing_masked"][0]).attributes == {}


@pytest.mark.parametrize("values", [np.array([0, 255], "u1"), np.array([0, 9], "i2"), np.array(["a", "b"])], ids=["u1", "i2", "text"])
def test_a_filled_item_is_named_as_it_is_served(values):
    """numpy casts its own fill values, 999999 and N/A, to types that cannot hold them."""
    node = adapt_masked(np.ma.masked_array(values, [False, True]))
    assert node.read((slice(0, 2),))[1] == node.attributes["tiled_zarr"]["masked"]


@pytest.mark.parametrize(
    "source",
    [np.array([{}, "text"], object), np.array([(1, None)], [("a", "i4"), ("b", "O")]), np.array([None, "a"], object)],
    ids=["dict", "record_with_object", "none"],
)
def test_other_objects_are_unavailable(source):
    with pytest.raises(Unavailable, match="holds other objects than text"):
        adapt_array(source)


@pytest.mark.parametrize("source", [[[1], [2, 3]], 2**70, ["a", object()]], ids=["ragged", "huge", "mixed"])
def test_values_that_are_no_array_are_unavailable(source):
    with pytest.raises(Unavailable):
        adapt_value(source)
