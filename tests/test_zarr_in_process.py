"""zarr-python reads a key space in process, without a server: every value exact."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import xarray
import zarr
from hypothesis import given
from hypothesis import strategies as st

from strategies import array_node, chunked, scalars, trees
from tiled_zarr import Array, Group, Sparse, dtypes
from tiled_zarr.hierarchy import names, v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.stores import KeySpaceStore

FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
CODECS = ["none", "blosc:lz4", "blosc:zstd:3:bitshuffle", "zstd:3", "gzip:1", "zlib:1", "lz4:1", "zstd+crc32c", "none+crc32c"]
pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently"),
]


def open_root(tree: Group, format_: ModuleType, config: Config | None = None) -> zarr.Group:
    return zarr.open_group(KeySpaceStore(KeySpace(tree, format_, config)), mode="r", zarr_format=2 if format_ is v2 else 3)


def assert_same(array: zarr.Array, values: np.ndarray) -> None:
    """Types, shapes and bytes agree; a 0-d array reads as a scalar, whose type numpy guesses."""
    expected = np.ascontiguousarray(values).astype(dtypes.wire(values.dtype))
    assert array.dtype == expected.dtype
    assert array.shape == values.shape
    read = array[...]
    assert np.asarray(read, dtype=array.dtype if values.ndim == 0 else None).tobytes() == expected.tobytes()


@FORMATS
@given(cut=chunked())
def test_any_array(format_: ModuleType, cut: tuple[np.ndarray, tuple[int, ...]]) -> None:
    values, chunk_shape = cut
    root = open_root(Group(children={"a": array_node(values, chunk_shape or None)}), format_)
    assert_same(root["a"], values)


@FORMATS
@pytest.mark.parametrize("codec", CODECS)
@given(cut=chunked(scalars))
def test_any_codec(format_: ModuleType, codec: str, cut: tuple[np.ndarray, tuple[int, ...]]) -> None:
    values, chunk_shape = cut
    root = open_root(Group(children={"a": array_node(values, chunk_shape or None)}), format_, Config(codec=codec))
    assert_same(root["a"], values)


@FORMATS
@given(tree=trees(chunked().map(lambda cut: array_node(*cut))))
def test_any_tree(format_: ModuleType, tree: Group) -> None:
    def visit(read: zarr.Group, group: Group) -> None:
        assert sorted(read.keys()) == sorted(names.wire(name, format_.FORBIDDEN) for name in group.children)
        for name, node in group.children.items():
            if isinstance(node, Group):
                visit(read[names.wire(name, format_.FORBIDDEN)], node)
            else:
                assert read[names.wire(name, format_.FORBIDDEN)].shape == node.shape

    visit(open_root(tree, format_), tree)


@FORMATS
@given(text=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=9), chunk=st.integers(1, 4))
def test_strings(format_: ModuleType, text: list[str], chunk: int) -> None:
    values = np.array([*text, ""], dtype=object)[:-1]
    read = open_root(Group(children={"a": array_node(values, (chunk,))}), format_)["a"][...]
    assert read.tolist() == text


@FORMATS
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    chunk_shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    entries=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(-100, 100)), max_size=20),
    fill=st.sampled_from([None, 7]),
)
def test_sparse(format_: ModuleType, shape: tuple, chunk_shape: tuple, entries: list, fill: int | None) -> None:
    coords = np.array([(y % shape[0], x % shape[1]) for y, x, _ in entries], dtype="i8").reshape(-1, 2).T
    data = np.array([value for *_, value in entries], dtype="i4")
    expected = np.full(shape, fill or 0, dtype="i4")
    expected[tuple(coords)] = 0
    np.add.at(expected, tuple(coords), data)
    node = Sparse(shape=shape, dtype=np.dtype("i4"), entries=lambda: (coords, data), fill=fill, chunks=chunk_shape)
    root = open_root(Group(children={"a": node}), format_, Config(chunk_shape=chunk_shape))
    assert_same(root["a"], expected)


@FORMATS
def test_any_group_opens_in_xarray_with_its_zeros(format_: ModuleType) -> None:
    """xarray reads a v2 fill value as missing, so documents declare none, not even for strings."""
    values = {
        "ints": np.array([[0, 1], [2, 0]], "i2"),
        "floats": np.array([0.0, 1.5, np.nan]),
        "flags": np.array([True, False]),
        "square": np.zeros((3, 3), "u1"),
        "text": np.array(["a", "", "b"], dtype=object),
        "times": np.array(["2020-01-01", "NaT"], "M8[ns]"),
    }
    tree = Group(children={name: array_node(array) for name, array in values.items()})
    store = KeySpaceStore(KeySpace(tree, format_))
    opened = xarray.open_zarr(store, consolidated=False, chunks=None, zarr_format=2 if format_ is v2 else 3)
    for name, array in values.items():
        np.testing.assert_array_equal(opened[name].to_numpy(), array, strict=array.dtype.kind != "O")


@FORMATS
def test_a_source_that_fails_raises_and_never_reads_as_zeros(format_: ModuleType) -> None:
    def read(region: object) -> np.ndarray:
        raise OSError("disk")

    root = open_root(Group(children={"a": Array(shape=(5,), dtype=np.dtype("f8"), read=read)}), format_)
    with pytest.raises(OSError, match="disk"):
        root["a"][...]
