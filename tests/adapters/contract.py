"""What every adapter promises. A test module inherits it in two lines:

    CASES = {name: lambda folder, array=array: (adapt_array(array), array) for name, array in ...}
    class TestNumpy(Contract, cases=CASES): ...

A case is a function of an empty folder. It returns a node and its true content: a numpy array for
an Array, a mapping from names to true contents for a Group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numcodecs
import numpy as np
import pytest

from tiled_zarr.grid import Grid
from tiled_zarr.nodes import Array, Group, Node, Region

Truth: TypeAlias = "np.ndarray[Any, Any] | Mapping[str, Truth]"
Case: TypeAlias = Callable[[Path], tuple[Node, Truth]]

RECORD = np.dtype([("name", "<U10"), ("age", "<i4"), ("weight", ">f4")])
PADDED = np.dtype([("flag", "?"), ("place", "<f8", (2,)), ("when", "<M8[s]")], align=True)


def _numbers(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    count = int(np.prod(shape))
    return np.arange(count).reshape(shape).astype(dtype)


DTYPES = ["?", "i1", "<i2", ">i2", "<i4", ">i4", "<i8", "u1", "<u2", "<u4", ">u8", "<f2", "<f4", ">f4", "<f8", ">f8", "<c8", "<c16", ">c16"]
NUMBERS = {f"numbers_{dtype}": _numbers(dtype, (5, 7)) for dtype in DTYPES}
SHAPES = {
    "zero_d": np.array(3.5),
    "one_item": np.array([[[7]]], "<i4"),
    "empty": np.zeros((0,), "<f8"),
    "empty_axis": np.zeros((3, 0, 2), "<u2"),
    "long": _numbers("<i4", (1000,)),
    "five_d": _numbers("<u2", (3, 2, 4, 3, 2)),
}
LAYOUTS = {
    "fortran": np.asfortranarray(_numbers("<i4", (6, 9))),
    "transposed": _numbers("<f8", (3, 4, 5)).T,
    "reversed": _numbers("<i2", (8, 9))[::-1, ::-1],
    "strided": _numbers("<i4", (20, 21))[::3, 1::2],
    "broadcast": np.broadcast_to(np.arange(5, dtype="<i8"), (4, 5)),
    "read_only": np.frombuffer(bytes(range(24)), "u1").reshape(4, 6),
}
SPECIAL = {
    "not_a_number": np.array([0.0, -0.0, np.nan, np.inf, -np.inf]),
    "bytes": np.array([[b"a", b"bcd"], [b"", b"\xff"]], "S3"),
    "text": np.array(["", "e", "naïve", "日本"], "<U5"),
    "text_big_endian": np.array(["a", "bc"], ">U5"),
    "times": np.array(["2026-11-23", "NaT", "1969-12-31"], "<M8[ns]"),
    "days": np.array(["2026-11-23", "NaT"], "<M8[D]"),
    "spans": np.array([0, -5, 7], ">m8[ms]"),
    "record": np.array([("Rex", 9, 81.0), ("Fido", 3, 27.5)], RECORD),
    "padded_record": np.array([(True, (1, 2), "2026-01-01"), (False, (3, 4), "NaT")], PADDED),
}
STRINGS = {"strings": np.array([["", "ä"], ["longer than the others", "\0"]], object), "strings_zero_d": np.array("text", object)}
ARRAYS: Mapping[str, np.ndarray[Any, Any]] = {**NUMBERS, **SHAPES, **LAYOUTS, **SPECIAL, **STRINGS}
"""Arrays of every type of the design, every memory layout and every awkward shape, by name."""


class Contract:
    """The tests; each is run for every case."""

    cases: ClassVar[Mapping[str, Case]] = {}

    def __init_subclass__(cls, *, cases: Mapping[str, Case]) -> None:
        cls.cases = cases

    @staticmethod
    def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
        if "case" in metafunc.fixturenames:
            cases = metafunc.cls.cases  # type: ignore[union-attr]  # the tests that ask for a case are methods
            metafunc.parametrize("case", cases.values(), ids=cases.keys())

    def test_names_are_the_truths(self, case: Case, tmp_path: Path) -> None:
        for path, node, truth in groups(*case(tmp_path)):
            assert list(node.children) == list(truth), path
            assert len(node.children) == len(truth), path
            assert not set(node.children) & set(node.unavailable()), path

    def test_a_missing_name_is_a_key_error(self, case: Case, tmp_path: Path) -> None:
        for _, node, _ in groups(*case(tmp_path)):
            assert "no such child" not in node.children
            with pytest.raises(KeyError):
                node.children["no such child"]

    def test_fields_are_well_formed(self, case: Case, tmp_path: Path) -> None:
        for path, node, _ in nodes(*case(tmp_path)):
            check_fields(path, node)

    def test_whole_equals_the_truth(self, case: Case, tmp_path: Path) -> None:
        for path, node, truth in arrays(*case(tmp_path)):
            whole = tuple(slice(0, n) for n in truth.shape)
            assert (node.shape, node.dtype) == (truth.shape, truth.dtype), path
            assert_same(read(node, whole), truth, path)

    def test_regions_equal_the_truths(self, case: Case, tmp_path: Path) -> None:
        for path, node, truth in arrays(*case(tmp_path)):
            for region in regions(truth.shape):
                assert_same(read(node, region), truth[(*region, ...)], f"{path}{region}")

    def test_stepped_reads_equal_the_truths(self, case: Case, tmp_path: Path) -> None:
        random = np.random.default_rng(20261124)
        for path, node, truth in arrays(*case(tmp_path)):
            if node.source.read_stepped is not None:
                for region in regions(truth.shape):
                    steps = tuple(random.integers(1, 6, size=truth.ndim).tolist())
                    stepped = tuple(slice(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))
                    assert_same(node.source.read_stepped(region, steps), truth[(*stepped, ...)], f"{path}{stepped}")

    def test_stored_chunks_are_what_is_read(self, case: Case, tmp_path: Path) -> None:
        for path, node, _ in arrays(*case(tmp_path)):
            if node.source.stored:
                check_stored(path, node)

    def test_threads_do_not_disturb_each_other(self, case: Case, tmp_path: Path) -> None:
        jobs = [(node, truth, region) for _, node, truth in arrays(*case(tmp_path)) for region in regions(truth.shape, count=8)]
        with ThreadPoolExecutor(8) as pool:
            blocks = pool.map(lambda job: read(job[0], job[2]), jobs)
            for block, (_, truth, region) in zip(blocks, jobs, strict=True):
                assert_same(block, truth[(*region, ...)], str(region))

    def test_revision_stands_while_nothing_changes(self, case: Case, tmp_path: Path) -> None:
        for path, node, _ in nodes(*case(tmp_path)):
            before = node.revision()
            if isinstance(node, Array):
                read(node, tuple(slice(0, min(n, 2)) for n in node.shape))
            assert before is None or (isinstance(before, str) and before), path
            assert node.revision() == before, path


def check_stored(path: str, node: Array) -> None:
    """Every chunk that is whole, decoded by numcodecs, is what is read there."""
    assert node.source.stored
    assert node.chunks is not None
    codec, grid = node.source.stored.codec, Grid(node.shape, node.chunks)
    compressor, _ = replace(codec, crc32c=False).v2()
    for index in filter(grid.is_whole, grid):
        body = node.source.stored.read(index)
        if body is None:
            continue
        body = body[:-4] if codec.crc32c else body
        decoded = numcodecs.get_codec(compressor).decode(body) if compressor else body
        is_string = node.dtype.kind == "O"
        block = numcodecs.VLenUTF8().decode(decoded) if is_string else np.frombuffer(decoded, node.dtype)
        assert_same(block.reshape(node.chunks), node.read(grid.region(index)), f"{path}{index}")


def nodes(node: Node, truth: Truth, path: str = "") -> Iterator[tuple[str, Node, Truth]]:
    """The node and all below it, each with its path and its truth."""
    yield path, node, truth
    if isinstance(node, Group):
        assert isinstance(truth, Mapping), f"{path} is a group"
        for name, child in truth.items():
            yield from nodes(node.children[name], child, f"{path}/{name}")


def groups(node: Node, truth: Truth) -> Iterator[tuple[str, Group, Mapping[str, Truth]]]:
    """The groups and tables among `nodes`."""
    for path, inner, expected in nodes(node, truth):
        if isinstance(inner, Group):
            assert isinstance(expected, Mapping)
            yield path, inner, expected


def arrays(node: Node, truth: Truth) -> Iterator[tuple[str, Array, np.ndarray[Any, Any]]]:
    """The arrays, sparse or not, among `nodes`."""
    for path, inner, expected in nodes(node, truth):
        if isinstance(inner, Array):
            assert isinstance(expected, np.ndarray), f"{path} is an array"
            yield path, inner, expected


def read(node: Array, region: Region) -> np.ndarray[Any, Any]:
    """A block of a node; if the node is sparse, made in the slow and plain way."""
    if node.is_sparse:
        return densify(node)[(*region, ...)]
    return node.read(region)


def densify(node: Array) -> np.ndarray[Any, Any]:
    """The dense array that a Sparse node stands for: entries at one place add up (booleans: or)."""
    dense = np.zeros(node.shape, node.dtype)
    if node.source.fill is not None:
        dense[...] = node.source.fill
    coords, data = node.source.entries()
    assert np.issubdtype(coords.dtype, np.integer)
    assert (coords.shape, data.shape) == ((len(node.shape), data.size), (data.size,))
    assert data.dtype == node.dtype
    seen: dict[tuple[int, ...], Any] = {}
    for place, item in zip(map(tuple, coords.T.tolist()), data, strict=True):
        assert all(0 <= i < n for i, n in zip(place, node.shape, strict=True)), place
        seen[place] = seen[place] + item if place in seen else item
    for place, item in seen.items():
        dense[place] = item
    return dense


def regions(shape: tuple[int, ...], count: int = 20) -> Iterator[Region]:
    """The first item, the last item, and `count` random boxes inside a shape, some of them empty.

    They are the same at each call.
    """
    yield tuple(slice(0, min(n, 1)) for n in shape)
    yield tuple(slice(max(n - 1, 0), n) for n in shape)
    random = np.random.default_rng(20261123)
    for _ in range(count):
        bounds = [sorted(random.integers(0, n, size=2, endpoint=True).tolist()) for n in shape]
        yield tuple(slice(start, stop) for start, stop in bounds)


def assert_same(block: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], where: str) -> None:
    """Same type, shape, dtype with byte order, and values; NaN equals NaN, NaT equals NaT."""
    assert isinstance(block, np.ndarray), where
    assert not isinstance(block, np.ma.MaskedArray), where
    assert (block.shape, block.dtype) == (truth.shape, truth.dtype), where
    if truth.dtype.names is not None:
        for name in truth.dtype.names:
            assert_same(block[name], truth[name], f"{where}.{name}")
        return
    if truth.dtype.kind == "O":
        assert all(type(item) is str for item in block.flat), where
    np.testing.assert_array_equal(block, truth, err_msg=where)


def check_revision_of_regions(path: str, node: Array) -> None:
    if 0 not in node.shape:
        for region in regions(node.shape, count=0):
            found = node.revision(region)
            assert found is None or (isinstance(found, str) and found), path
            assert node.revision(region) == found, path


def check_fields(path: str, node: Node) -> None:
    """Every field has the type that `tiled_zarr.nodes` gives it."""
    assert isinstance(node.attributes, Mapping), path
    assert all(type(name) is str for name in node.attributes), path
    assert type(node.blocking) is bool, path
    if isinstance(node, Group):
        assert all(type(name) is str for name in node.children), path
        assert all(type(text) is str for item in node.unavailable().items() for text in item), path
        return
    axes = len(node.shape)
    assert type(node.shape) is tuple, path
    assert all(type(n) is int and n >= 0 for n in node.shape), path
    assert isinstance(node.dtype, np.dtype), path
    assert node.chunks is None or type(node.chunks) is tuple, path
    assert node.chunks is None or (len(node.chunks) == axes and all(type(n) is int and n > 0 for n in node.chunks)), path
    check_revision_of_regions(path, node)
    names = node.dimension_names
    assert names is None or (type(names) is tuple and len(names) == axes), path
    assert names is None or all(name is None or type(name) is str for name in names), path
