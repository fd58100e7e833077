"""The contract of adapters that read files.

A test module inherits it in two lines:

    FILES = {"image": write_image, "stack": write_stack}
    class TestFits(FileContract, adapter=open_fits, suffix=".fits", files=FILES): ...

A file is a function that writes it to a path and returns its true content. Each is opened as it is,
and damaged in several ways while it is served beside a neighbour.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias, TypeVar
from urllib.parse import quote

import numpy as np
import pytest

from ..nodes import Array, Damaged, Group, Node, Region, TooLarge, Unavailable
from .asking import Served
from .contract import Case, Contract, arrays, assert_same, nodes, part, read
from .readback import DOCUMENTS, Format, Truth, check_version, chunk_keys, spelled

Block: TypeAlias = "np.ndarray[Any, Any]"
Open: TypeAlias = Callable[[Path], Node]
OpenArray: TypeAlias = Callable[[Path], Array]
Write: TypeAlias = Callable[[Path], Truth]
Damage: TypeAlias = Callable[[Path], object]
T = TypeVar("T")

FEW = np.arange(60, dtype="<u2").reshape(6, 10)
MANY = np.arange(70 * 90, dtype="<u2").reshape(70, 90) * 7
FLIPS = 12
"""Bits that are flipped in each file, one at a time; a third of them in its first 512 bytes."""


class ReaderContract(Contract, cases={}):
    """The contract, any box at all, and what is alike in all files."""

    def __init_subclass__(cls, **cases: Any) -> None:
        super().__init_subclass__(**cases)

    def test_any_box_equals_the_truths(self, case: Case, tmp_path: Path) -> None:
        """Any box that hypothesis finds is read right; it needs the package hypothesis."""
        for path, node, truth in arrays(*case(tmp_path)):
            check_any_box(path, node, truth)

    def test_files_block(self, case: Case, tmp_path: Path) -> None:
        """Nothing of a file is read in the event loop."""
        for path, node, _ in nodes(*case(tmp_path)):
            assert node.blocking or (isinstance(node, Group) and isinstance(node.children, dict)), path


class FileContract(ReaderContract, cases={}):
    """The contract of an adapter of files, with damage.

    `adapter` opens a path with `suffix`; `files` are functions that write a file to a path and
    return its true content. What a damaged file gives is Damaged or TooLarge, or the true content.
    """

    adapter: ClassVar[staticmethod[[Path], Node]]
    suffix: ClassVar[str]
    files: ClassVar[Mapping[str, Write]] = MappingProxyType({})

    def __init_subclass__(cls, *, adapter: Open, suffix: str, files: Mapping[str, Write]) -> None:
        cls.adapter, cls.suffix, cls.files = staticmethod(adapter), suffix, files
        super().__init_subclass__(cases={name: partial(opened, adapter, suffix, write) for name, write in files.items()})

    @staticmethod
    def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
        """Run each test that asks for it for every file and every damage."""
        Contract.pytest_generate_tests(metafunc)
        files: Mapping[str, Write] = metafunc.cls.files
        if "write" in metafunc.fixturenames:
            metafunc.parametrize("write", files.values(), ids=files.keys())
        if "damage" in metafunc.fixturenames:
            metafunc.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())

    def test_damage_is_an_error(self, write: Write, damage: Damage, tmp_path: Path) -> None:
        """A file that is emptied, cut or garbage is Damaged, a 5xx under its own keys, no 404."""
        truth = write(path := tmp_path / f"damaged{self.suffix}")
        damage(path)
        found = outcome(lambda: contents(self.adapter(path), truth))
        assert found is None or isinstance(found, Damaged | TooLarge), f"{type(found).__name__}: {found}"
        if path.stat().st_size == 0:
            assert isinstance(found, Damaged)
        with beside(self.adapter, path, write) as served:
            for version in DOCUMENTS:
                check_beside(served, version, truth, is_whole=found is None)

    def test_a_flipped_bit_harms_no_neighbour(self, write: Write, tmp_path: Path) -> None:
        """A file with a wrong bit gives data or Damaged, never a 404, and others are as before."""
        truth = write(path := tmp_path / f"damaged{self.suffix}")
        content = path.read_bytes()
        for place, bit in flips(len(content)):
            path.write_bytes(bytes([*content[:place], content[place] ^ 1 << bit, *content[place + 1 :]]))
            found = outcome(lambda: contents(self.adapter(path), None))
            assert found is None or isinstance(found, Damaged | TooLarge), f"bit {bit} of byte {place}: {type(found).__name__}: {found}"
            with beside(self.adapter, path, write) as served:
                check_neighbour(served, 3, truth)
                assert served.get(f"/zarr/v3/{DAMAGED}/zarr.json").status != 404, f"bit {bit} of byte {place}"

    def test_a_rewritten_file_has_another_revision(self, write: Write, tmp_path: Path) -> None:
        """Its node notices, and raises an error that says so rather than return what is there."""
        truth = write(path := tmp_path / f"a{self.suffix}")
        node = self.adapter(path)
        before = node.revision()
        assert before is not None
        path.write_bytes(path.read_bytes() + b" ")
        assert node.revision() != before
        found = outcome(lambda: contents(node, truth))
        assert isinstance(found, OSError), found

    def test_a_deleted_file_is_an_error(self, write: Write, tmp_path: Path) -> None:
        """Reading what is gone raises OSError, and no KeyError, which would mean absence."""
        truth = write(path := tmp_path / f"a{self.suffix}")
        node = self.adapter(path)
        path.unlink()
        assert isinstance(outcome(lambda: contents(node, truth)), OSError)
        assert isinstance(outcome(lambda: contents(self.adapter(path), truth)), OSError)


DAMAGES: Mapping[str, Damage] = MappingProxyType(
    {
        "emptied": lambda path: path.write_bytes(b""),
        "cut_in_half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        "cut_by_a_byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "garbage": lambda path: path.write_bytes(Random(9).randbytes(path.stat().st_size)),  # noqa: S311 - no secret
    }
)
"""What happens to files."""
DAMAGED, NEIGHBOUR = "damaged", "neighbour"


class Beside(Mapping[str, Node]):
    """A damaged file and a good one; each is opened when it is asked for, as in a folder."""

    def __init__(self, adapter: Open, paths: Mapping[str, Path]) -> None:
        self.adapter, self.paths = adapter, paths

    def __getitem__(self, name: str) -> Node:
        return self.adapter(self.paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


@contextmanager
def beside(adapter: Open, damaged: Path, write: Write) -> Iterator[Served]:
    """An application that serves a damaged file beside a good one of the same kind."""
    good = damaged.with_name(f"good-{damaged.name}")
    write(good)
    children = Beside(adapter, {DAMAGED: damaged, NEIGHBOUR: good})
    with Served(Group(children, kind="folder", blocking=True)) as served:
        yield served


def check_beside(served: Served, version: Format, truth: Truth, *, is_whole: bool) -> None:
    """Check all answers beside and above a damaged file, and those under its own keys."""
    check_neighbour(served, version, truth)
    if is_whole:
        check_version(served, version, DAMAGED, truth)
    else:
        check_errors(served, version, DAMAGED, truth)


def check_errors(served: Served, version: Format, name: str, truth: Truth) -> None:
    """Check that something below a name is a failure, and nothing absent.

    If that are its documents, the root names it with the reason.
    """
    statuses = set(statuses_below(served, version, name, spelled(truth, version)))
    assert 404 not in statuses, "a key of what is damaged is absent"
    assert any(map(is_failure, statuses)), "damage is not noticed"
    if not any(served.get(f"/zarr/v{version}/{quote(name)}/{document}").status == 200 for document in DOCUMENTS[version]):
        assert name in reasons_of(served, version), "the group above does not name it"


def is_failure(status: int) -> bool:
    """True if a status says that what is there cannot be read."""
    return status >= 500 or status == 413


def reasons_of(served: Served, version: Format) -> Mapping[str, str]:
    """What the root says that it cannot show, with the reasons."""
    answer = served.get(f"/zarr/v{version}/{'.zattrs' if version == 2 else 'zarr.json'}")
    document = json.loads(answer.body) if answer.status == 200 else {}
    attributes = document if version == 2 else document["attributes"]
    reasons: Mapping[str, str] = attributes.get("tiled_zarr", {}).get("unavailable", {})
    return reasons


def statuses_below(served: Served, version: Format, path: str, truth: Truth) -> Iterator[int]:
    """The statuses of all keys of a node; if no document is there, of its documents alone."""
    answers = {name: served.get(f"/zarr/v{version}/{quote(path)}/{name}") for name in DOCUMENTS[version]}
    documents = {name: answer for name, answer in answers.items() if answer.status == 200}
    if not documents:
        yield from (answer.status for answer in answers.values())
    elif isinstance(truth, Mapping):
        for name, inner in truth.items():
            yield from statuses_below(served, version, f"{path}/{name}", inner)
    else:
        for key in chunk_keys(json.loads(documents[".zarray" if version == 2 else "zarr.json"].body)):
            yield served.get(f"/zarr/v{version}/{quote(path)}/{key}").status


def check_neighbour(served: Served, version: Format, truth: Truth) -> None:
    """Check that the good file is served, and that the group above answers."""
    document = ".zgroup" if version == 2 else "zarr.json"
    assert served.get(f"/zarr/v{version}/{document}").status == 200
    check_version(served, version, NEIGHBOUR, truth)


def flips(size: int) -> Iterator[tuple[int, int]]:
    """Places and bits to flip in a file of `size` bytes, the same at each call."""
    random = Random(20261127)  # noqa: S311 - no secret
    for number in range(FLIPS if size else 0):
        yield random.randrange(min(size, 512) if number % 3 == 0 else size), random.randrange(8)


def opened(adapter: Open, suffix: str, write: Write, folder: Path) -> tuple[Node, Truth]:
    """A case of the contract: a file in a folder."""
    truth = write(path := folder / f"a{suffix}")
    return adapter(path), truth


def contents(node: Node, truth: Truth | None) -> None:
    """Read everything below a node; with a truth, check that it is the true content."""
    if truth is None:
        read_all(node)
        return
    for path, array, expected in arrays(node, truth):
        assert_same(read(array, tuple(slice(0, size) for size in array.shape)), expected, path)


def read_all(node: Node) -> None:
    """Read all arrays of a tree; what a group says to be unavailable may be absent."""
    if isinstance(node, Group):
        for name in node.children:
            if not isinstance(found := outcome(partial(node.children.__getitem__, name)), Unavailable):
                read_all(raised(found))
    else:
        read(node, tuple(slice(0, size) for size in node.shape))


def raised(found: Node | Exception) -> Node:
    """A node. Raises it if it is an exception."""
    if isinstance(found, Exception):
        raise found
    return found


def check_any_box(path: str, node: Array, truth: Block) -> None:
    """Check any box inside an array, empty ones too, as hypothesis finds them."""
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    bounds = [st.tuples(st.integers(0, size), st.integers(0, size)) for size in truth.shape]
    boxes = st.tuples(*bounds).map(lambda pairs: tuple(slice(*sorted(pair)) for pair in pairs))

    def check(region: Region) -> None:
        assert_same(read(node, region), part(truth, region), f"{path}{region}")

    patient = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    patient(hypothesis.given(boxes)(check))()


def whole(node: Array) -> Block:
    """All data of an array."""
    return node.read(tuple(slice(0, size) for size in node.shape))


def rewrite(path: Path, write: Callable[[Path, Block], None], data: Block) -> None:
    """Other content in the same file: cut to nothing, then written, as many programs do."""
    other = path.with_name(f"other-{path.name}")
    write(other, data)
    path.write_bytes(other.read_bytes())
    other.unlink()


def check_rewritten(path: Path, open_node: OpenArray, write: Callable[[Path, Block], None]) -> None:
    """The node of a file that is rewritten in place changes its revision and raises.

    The file then opens as what it is now.
    """
    write(path, FEW)
    node = open_node(path)
    before = node.revision()
    assert_same(whole(node).astype("<u2"), FEW, "before")
    rewrite(path, write, MANY)
    assert node.revision() != before
    with pytest.raises(OSError, match="changed while it was being read; ask again"):
        whole(node)
    again = open_node(path)
    assert again.revision() == node.revision()
    assert_same(whole(again).astype("<u2"), MANY, "after")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        whole(again)


def check_truncated(path: Path, open_node: OpenArray, truth: Block) -> None:
    """Wherever a file is cut, the node gives right data or raises.

    It raises no KeyError, which would mean absence.
    """
    content = path.read_bytes()
    cuts = sorted({0, 1, 7, 40, *(len(content) * part // 16 for part in range(16)), len(content) - 1})
    failures = 0
    for cut in cuts:
        path.write_bytes(content[:cut])
        block = outcome(lambda: whole(open_node(path)))
        if isinstance(block, np.ndarray):
            assert_same(block, truth, f"cut at {cut} of {len(content)}")
        else:
            assert not isinstance(block, KeyError), cut
            failures += 1
    assert failures >= len(cuts) - 2


def outcome(act: Callable[[], T]) -> T | Exception:
    """What an action gives or raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - libraries raise what they like for broken files
        return error


@contextmanager
def reading() -> Iterator[Callable[[], int]]:
    """Counts the bytes that this process reads by system calls, cached by the system or not.

    The count may be a few bytes too low.
    """

    def total() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    start = total()
    own = total() - start
    # the counters themselves grow by a digit at times
    yield lambda: max(0, total() - start - 2 * own - 8)
