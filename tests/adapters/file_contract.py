"""What every adapter of files promises besides the contract, and the means to ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Case, Contract, arrays, assert_same, nodes, read
from tiled_zarr.nodes import Array, Group, Node, Region

Truth: TypeAlias = "np.ndarray[Any, Any]"
FEW = np.arange(60, dtype="<u2").reshape(6, 10)
MANY = np.arange(70 * 90, dtype="<u2").reshape(70, 90) * 7


class FileContract(Contract, cases={}):
    """The contract, any box at all, and what is alike in all files."""

    def __init_subclass__(cls, **cases: Any) -> None:
        super().__init_subclass__(**cases)

    def test_any_box_equals_the_truths(self, case: Case, tmp_path: Path) -> None:
        for path, node, truth in arrays(*case(tmp_path)):
            check_any_box(path, node, truth)

    def test_files_block(self, case: Case, tmp_path: Path) -> None:
        for path, node, _ in nodes(*case(tmp_path)):
            assert node.blocking or (isinstance(node, Group) and isinstance(node.children, dict)), path


def check_any_box(path: str, node: Array, truth: Truth) -> None:
    @given(boxes(truth.shape))
    def check(region: Region) -> None:
        assert_same(read(node, region), truth[(*region, ...)], f"{path}{region}")

    check()


def boxes(shape: tuple[int, ...]) -> st.SearchStrategy[Region]:
    """Any box inside a shape, empty ones too."""
    bounds = [st.tuples(st.integers(0, size), st.integers(0, size)) for size in shape]
    return st.tuples(*bounds).map(lambda pairs: tuple(slice(*sorted(pair)) for pair in pairs))


def whole(node: Array) -> Truth:
    return node.read(tuple(slice(0, size) for size in node.shape))


def rewrite(path: Path, write: Callable[[Path, Truth], None], data: Truth) -> None:
    """Other content in the same file: cut to nothing, then written, as many programs do."""
    other = path.with_name(f"other-{path.name}")
    write(other, data)
    path.write_bytes(other.read_bytes())
    other.unlink()


def check_rewritten(path: Path, open_node: Callable[[Path], Node], write: Callable[[Path, Truth], None]) -> None:
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


def check_truncated(path: Path, open_node: Callable[[Path], Node], truth: Truth) -> None:
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


def outcome(act: Callable[[], Truth]) -> Truth | Exception:
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
