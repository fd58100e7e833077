"""Which arrays were described: bounded, the last ones, any number of axes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.served import MOST_GRIDS, Served


def served(format: Any = v3, most: int = 100, separator: str | None = None) -> Served:  # noqa: A002 - the spec's word
    return Served(partial(format.parse_index, separator=separator or format.SEPARATOR), most)


@pytest.mark.parametrize(
    ("form", "separator", "inside", "outside"),
    [
        (
            v3,
            None,
            ["g/a/c/0/0", "g/a/c/2/1"],
            ["g/a/c/3/0", "g/a/c/0", "g/c/0/0", "a/c/0/0", "g/a/0.0", "g/a/c/00/0", "g/a/zarr.json", "g/a"],
        ),
        (v2, None, ["g/a/0.0", "g/a/2.1"], ["g/a/3.0", "g/a/0", "g/a/0/0", "g/a/.zarray", "g/a/0.0.0"]),
        (v2, "/", ["g/a/0/0", "g/a/2/1"], ["g/a/3/0", "g/a/0", "g/a/0.0", "g/a/0/0/0"]),
    ],
    ids=["v3", "v2", "v2_with_slashes"],
)
def test_chunks_inside_the_grid_were_promised(form: Any, separator: str | None, inside: list[str], outside: list[str]) -> None:
    known = served(form, separator=separator)
    assert not any(map(known.promised, inside))
    known.note("g/a", (3, 2))
    assert [key for key in (*inside, *outside) if known.promised(key)] == inside


def test_a_scalar() -> None:
    for form, key in ((v3, "a/c"), (v2, "a/0")):
        known = served(form)
        known.note("a", ())
        assert known.promised(key)


def test_the_largest_grid_counts_and_every_number_of_axes() -> None:
    known = served()
    for counts in ((3, 1), (2, 5), (4,)):
        known.note("a", counts)
    assert [known.promised(f"a/c/{rest}") for rest in ("2/4", "3/0", "3", "4")] == [True, False, True, False]
    for ndim in range(3, 3 + MOST_GRIDS):
        known.note("a", (1,) * ndim)
    assert not known.promised("a/c/3")


def test_the_ones_described_last_are_remembered() -> None:
    known = served(most=3)
    for name in "abcad":
        known.note(name, (1,))
    assert [name for name in "abcd" if known.promised(f"{name}/c/0")] == ["a", "c", "d"]


def test_a_long_path_costs_no_more_than_its_end() -> None:
    known = served()
    known.note("a", (1,))
    assert not known.promised("a/c/" + "0/" * 100_000 + "0")


def test_threads() -> None:
    known = served(most=10)

    def work(number: int) -> None:
        for i in range(300):
            known.note(f"{(number * 7 + i) % 25}", (1,) * (i % 6))
            known.promised(f"{i % 25}/c/0")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    known.note("x", (1,))
    assert known.promised("x/c/0")
