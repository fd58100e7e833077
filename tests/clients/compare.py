"""What the client scripts share: the nodes, the regions to compare, the comparison and the report.

It runs in the clients' own environments, beside the package's source, and needs only numpy.
"""

from __future__ import annotations

import importlib
import itertools
import json
import math
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tiled_zarr import dtypes
from tiled_zarr.attributes import OURS, to_json
from tiled_zarr.hierarchy.names import wire
from tiled_zarr.nodes import Array, Group, Node, Region

WHOLE = 64 * 2**20
"""Nodes up to this many bytes are read whole."""
INTERIOR = 50
"""So many chunks are drawn from the inside of larger ones."""
AT_AN_END = 6
"""So many pieces are drawn at each end of each axis."""
SEED = 2026
ATTEMPTS = 20

Block: TypeAlias = np.ndarray[Any, Any]
Box: TypeAlias = tuple[tuple[int, int], ...]
"""A region that can be hashed: (start, stop) an axis, in elements."""
Report: TypeAlias = dict[str, dict[str, Any]]
"""By path: `ok`, the number of chunks read, and what went wrong, if anything."""


class Difference(Exception):
    """A client gave something else than the source holds."""


def load(spelling: str) -> Group:
    """The tree that `module:function` makes."""
    module, _, function = spelling.partition(":")
    tree: Group = getattr(importlib.import_module(module), function)()
    return tree


def nodes(root: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node and its path on the wire, the root first."""
    yield path, root
    if isinstance(root, Group):
        for name, child in root.children.items():
            yield from nodes(child, f"{path}/{wire(name)}".lstrip("/"))


def nbytes(node: Array) -> int:
    """Bytes of a whole array, decoded."""
    return math.prod(node.shape) * node.dtype.itemsize


def regions(shape: tuple[int, ...], chunk_shape: tuple[int, ...], size: int) -> list[Box]:
    """The regions to compare in an array of `size` bytes.

    A small array is compared whole. Of a larger one, we compare pieces of up to two chunks an axis at
    both ends of each axis, and some chunks inside, all chosen by a fixed seed.
    """
    if size <= WHOLE:
        return [tuple((0, length) for length in shape)]
    counts = [-(-size // chunk) for size, chunk in zip(shape, chunk_shape, strict=True)]
    draw = random.Random(SEED)

    def piece(ends: Mapping[int, range]) -> list[range]:
        starts = [draw.randrange(n) for n in counts]
        return [ends.get(axis, range(start, min(start + 2, n))) for axis, (start, n) in enumerate(zip(starts, counts, strict=True))]

    ends = [{axis: range(i, i + 1)} for axis, n in enumerate(counts) if n > 1 for i in (0, n - 1)]
    edges = [piece(end) for end in ends for _ in range(AT_AN_END)]
    places = [range(n) if n < 3 else range(1, n - 1) for n in counts]
    inside = [[range(i := draw.choice(place), i + 1) for place in places] for _ in range(INTERIOR)]
    return list(dict.fromkeys(_box(chunks, chunk_shape, shape) for chunks in edges + inside))


def count_chunks(boxes: list[Box], chunk_shape: tuple[int, ...]) -> int:
    """The number of different chunks that the boxes touch."""
    touched: set[tuple[int, ...]] = set()
    for box in boxes:
        touched.update(itertools.product(*(range(a // n, -(-b // n)) for (a, b), n in zip(box, chunk_shape, strict=True))))
    return len(touched)


class Truth:
    """Blocks of a tree's arrays, each read from the source once.

    Those of arrays that are not read whole are kept in a folder, for the clients that come after.
    """

    def __init__(self, tree: Group, folder: Path) -> None:
        self._folder = folder
        self._paths = {id(node): path for path, node in nodes(tree)}
        self._blocks: dict[tuple[int, Box], Block] = {}

    def block(self, node: Array, box: Box) -> Block:
        """A block in its wire type, C order. That of a node without a revision is read anew."""
        if node.revision() is None:
            return _read(node, box)
        key = (id(node), box)
        if key not in self._blocks:
            self._blocks[key] = self._kept(node, box) if nbytes(node) > WHOLE else _read(node, box)
        return self._blocks[key]

    def _kept(self, node: Array, box: Box) -> Block:
        name = "_".join(f"{start}-{stop}" for start, stop in box)
        file = self._folder / self._paths[id(node)] / f"{name}.npy"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            mine = file.with_suffix(f".{os.getpid()}.npy")
            np.save(mine, _read(node, box))
            mine.replace(file)
        return np.asarray(np.load(file))

    def compare(self, node: Array, box: Box, read: Callable[[Region], Any]) -> None:
        """Raises Difference unless `read` gives the source's data, before or after a change."""
        for _ in range(ATTEMPTS):
            before = self.block(node, box)
            got = np.asarray(read(tuple(slice(*bounds) for bounds in box)))
            if same_bits(before, self.block(node, box)):
                require_equal(before, got)
                return
        raise Difference(f"the source changed {ATTEMPTS} times while it was read")


def require_equal(expected: Block, got: Block) -> None:
    """Raises Difference unless type, shape and all bits agree; strings may have any string type."""
    if expected.dtype.kind == "O":
        if expected.shape != got.shape or expected.ravel().tolist() != list(map(str, got.ravel().tolist())):
            raise Difference(f"strings: expected {expected.ravel()[:4]!r}, got {got.ravel()[:4]!r}")
        return
    if got.dtype != expected.dtype:
        raise Difference(f"dtype: expected {expected.dtype}, got {got.dtype}")
    if got.shape != expected.shape:
        raise Difference(f"shape: expected {expected.shape}, got {got.shape}")
    if not same_bits(expected, got):
        raise Difference(f"values: expected {expected.ravel()[:4]!r}..., got {got.ravel()[:4]!r}...")


def same_bits(one: Block, other: Block) -> bool:
    """Equality under which NaN and NaT equal themselves and 0.0 is not -0.0."""
    return one is other or (one.tolist() == other.tolist() if one.dtype.kind == "O" else one.tobytes() == other.tobytes())


def same_attributes(node: Node, got: Mapping[str, Any]) -> None:
    """Raises Difference unless the node's own attributes came through."""
    ours = {OURS, "_ARRAY_DIMENSIONS"}
    own = to_json(node.attributes)
    assert isinstance(own, dict)
    expected = {key: value for key, value in own.items() if key not in ours}
    seen = {key: value for key, value in dict(got).items() if key not in ours}
    if seen != expected:
        raise Difference(f"attributes: expected {expected}, got {seen}")


def visit(tree: Group, truth: Truth, check: Callable[[str, Node, Truth], int]) -> Report:
    """Call `check(path, node, truth)` for every node of a tree.

    It returns the number of chunks that it compared.
    """
    report: Report = {}
    for path, node in nodes(tree):
        try:
            report[path] = {"ok": True, "chunks": check(path, node, truth)}
        except Exception as error:  # noqa: BLE001 - whatever a client raises belongs into the report
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error}"[:600]
            report[path] = {"ok": False, "chunks": 0, "error": f"{text} ({where.filename.rpartition('/')[2]}:{where.lineno})"}
    return report


def check_array(node: Array, chunk_shape: tuple[int, ...], read: Callable[[Region], Any], truth: Truth) -> int:
    """Compare one array, read with `read(region)`; the number of chunks that were looked at."""
    boxes = regions(node.shape, chunk_shape, nbytes(node))
    for box in boxes:
        truth.compare(node, box, read)
    return count_chunks(boxes, chunk_shape)


def check_zarr(root: Any, path: str, node: Node, truth: Truth) -> int:
    """Compare a node with what zarr-python of any version shows below `root`.

    Names, attributes, type and values have to agree.
    """
    found = root[path] if path else root
    same_attributes(node, found.attrs.asdict())
    if isinstance(node, Array):
        return check_array(node, found.chunks, found.__getitem__, truth)
    expected, got = sorted(map(wire, node.children)), sorted(map(unlinked, found.keys()))
    if got != expected:
        raise Difference(f"children: expected {expected}, got {got}")
    return 0


def unlinked(name: str) -> str:
    """A name out of a listing, as the source has it.

    A relative link cannot begin with `a:` (RFC 3986, 4.2), and fsspec reads links as names
    unchanged.
    """
    return name.replace("%3A", ":")


def main(readers: Callable[[str, str | None], Mapping[str, Callable[[str, Node, Truth], int]]]) -> None:
    """The command line of a client script: URL MODULE:TREE FOLDER READERS [KEY].

    It prints {reader: report} as its last line. FOLDER is for `Truth`. `readers(url, key)` makes
    the checks that `visit` takes, by name; READERS names those that are wanted, separated by
    commas.
    """
    url, spelling, folder, wanted, *keys = sys.argv[1:]
    tree = load(spelling)
    truth = Truth(tree, Path(folder))
    checks = readers(url, keys[0] if keys else None)
    print(json.dumps({name: visit(tree, truth, checks[name]) for name in wanted.split(",")}))


def keyed(url: str, key: str | None) -> str:
    """The address of a server with the key in its path, if there is one."""
    return f"{url}/k/{key}" if key else url


def _box(chunks: list[range], chunk_shape: tuple[int, ...], shape: tuple[int, ...]) -> Box:
    return tuple((c.start * n, min(c.stop * n, size)) for c, n, size in zip(chunks, chunk_shape, shape, strict=True))


def _read(node: Array, box: Box) -> Block:
    region = tuple(slice(*bounds) for bounds in box)
    block = np.asarray(_dense(node)[region] if node.is_sparse else node.read(region))
    return np.asarray(block.astype(dtypes.wire(block.dtype)), order="C")


def _dense(node: Array) -> Block:
    """A sparse array in full, entries at one place added up."""
    dense = np.full(node.shape, 0 if node.source.fill is None else node.source.fill, node.dtype)
    coords, data = node.source.entries()
    places = tuple(np.asarray(coords))
    dense[places] = 0
    (np.logical_or if node.dtype.kind == "b" else np.add).at(dense, places, data)
    return dense
