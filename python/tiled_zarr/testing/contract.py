"""The contract of every adapter.

A test module inherits it in two lines:

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
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

import numcodecs
import numpy as np
import pytest

from ..grid import Grid
from ..nodes import Array, Coordinates, Group, Node, Region
from .readback import Truth, check_read_back

Case: TypeAlias = Callable[[Path], tuple[Node, Truth]]


class Contract:
    """The tests; each is run for every case."""

    cases: ClassVar[Mapping[str, Case]] = MappingProxyType({})

    def __init_subclass__(cls, *, cases: Mapping[str, Case]) -> None:
        cls.cases = cases

    @staticmethod
    def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
        """Run each test that asks for a case for every case."""
        if "case" in metafunc.fixturenames:
            cases = metafunc.cls.cases
            metafunc.parametrize("case", cases.values(), ids=cases.keys())

    def test_names_are_the_truths(self, case: Case, tmp_path: Path) -> None:
        """A group has the names of the truth, in that order, and no child is unavailable."""
        for path, node, truth in groups(*case(tmp_path)):
            assert list(node.children) == list(truth), path
            assert len(node.children) == len(truth), path
            assert not set(node.children) & set(node.unavailable()), path

    def test_a_missing_name_is_a_key_error(self, case: Case, tmp_path: Path) -> None:
        """A name that a group does not have raises KeyError, which becomes a 404."""
        for _, node, _ in groups(*case(tmp_path)):
            assert "no such child" not in node.children
            with pytest.raises(KeyError):
                node.children["no such child"]

    def test_fields_are_well_formed(self, case: Case, tmp_path: Path) -> None:
        """Every field of every node has its type."""
        for path, node, _ in nodes(*case(tmp_path)):
            check_fields(path, node)

    def test_whole_equals_the_truth(self, case: Case, tmp_path: Path) -> None:
        """Each array, read at once, has the shape, dtype and values of the truth."""
        for path, node, truth in arrays(*case(tmp_path)):
            whole = tuple(slice(0, n) for n in truth.shape)
            assert (node.shape, node.dtype) == (truth.shape, truth.dtype), path
            assert_same(read(node, whole), truth, path)

    def test_regions_equal_the_truths(self, case: Case, tmp_path: Path) -> None:
        """So have its first and its last item, and 20 random boxes."""
        for path, node, truth in arrays(*case(tmp_path)):
            for region in regions(truth.shape):
                assert_same(read(node, region), part(truth, region), f"{path}{region}")

    def test_stepped_reads_equal_the_truths(self, case: Case, tmp_path: Path) -> None:
        """`read_stepped`, if the source has it, returns what slices with steps return."""
        random = np.random.default_rng(20261124)
        for path, node, truth in arrays(*case(tmp_path)):
            if node.source.read_stepped is not None:
                for region in regions(truth.shape):
                    steps = tuple(random.integers(1, 6, size=truth.ndim).tolist())
                    stepped = tuple(slice(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))
                    assert_same(node.source.read_stepped(region, steps), part(truth, stepped), f"{path}{stepped}")

    def test_stored_chunks_are_what_is_read(self, case: Case, tmp_path: Path) -> None:
        """Stored chunks, decoded by numcodecs, equal the regions that they cover."""
        for path, node, _ in arrays(*case(tmp_path)):
            if node.source.stored:
                check_stored(path, node)

    def test_threads_do_not_disturb_each_other(self, case: Case, tmp_path: Path) -> None:
        """Eight threads that read the same nodes read what one reads."""
        jobs = [(node, truth, region) for _, node, truth in arrays(*case(tmp_path)) for region in regions(truth.shape, count=8)]
        with ThreadPoolExecutor(8) as pool:
            blocks = pool.map(lambda job: read(job[0], job[2]), jobs)
            for block, (_, truth, region) in zip(blocks, jobs, strict=True):
                assert_same(block, part(truth, region), str(region))

    def test_revision_stands_while_nothing_changes(self, case: Case, tmp_path: Path) -> None:
        """A revision is a text or None, and reading does not change it."""
        for path, node, _ in nodes(*case(tmp_path)):
            before = node.revision()
            if isinstance(node, Array):
                read(node, tuple(slice(0, min(n, 2)) for n in node.shape))
            assert before is None or (isinstance(before, str) and before), path
            assert node.revision() == before, path

    def test_is_read_back_equal(self, case: Case, tmp_path: Path) -> None:
        """Over HTTP, zarr-python reads the truth in Zarr v2 and v3, and no chunk is absent."""
        check_read_back(*case(tmp_path))


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
        return part(densify(node), region)
    return node.read(region)


def part(array: np.ndarray[Any, Any], region: Region) -> np.ndarray[Any, Any]:
    """A part of an array, which is an array too if it has no axes."""
    box: Any = (*region, ...)
    block: np.ndarray[Any, Any] = array[box]
    return block


def densify(node: Array) -> np.ndarray[Any, Any]:
    """The dense array that a Sparse node stands for: entries at one place add up (booleans: or)."""
    assert isinstance(node.source, Coordinates)
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
    """The revision of a region is a text or None, and stays the same."""
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
