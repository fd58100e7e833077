"""The order of keys: that of their UTF-8 bytes, from any key on, whatever is skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.http.s3.order import Branch, Wanted, in_text_order, numbers

NAMES = st.text("ab-/0".replace("/", ""), min_size=1, max_size=3)
TREES: Any = st.recursive(st.none(), lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=4), max_leaves=12)


def keys_of(tree: Any, path: str = "") -> list[str]:
    """The keys of a tree of mappings, sorted by their bytes."""
    found = [key for name, below in tree.items() for key in ([path + name] if below is None else keys_of(below, f"{path}{name}/"))]
    return sorted(found, key=str.encode)


def branches(tree: Any) -> list[Branch]:
    found = [Branch(name) if below is None else Branch(f"{name}/", lambda _, below=below: branches(below)) for name, below in tree.items()]
    return sorted(found, key=lambda branch: branch.text)


def folded(keys: list[str], prefix: str) -> list[str]:
    """What S3 makes of sorted keys with a delimiter: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html"""
    ends = [key.find("/", len(prefix)) for key in keys]
    return list(dict.fromkeys(key if end < 0 else key[: end + 1] for key, end in zip(keys, ends, strict=True)))


@given(st.dictionaries(NAMES, TREES, max_size=5), st.text("ab-0/", max_size=4), st.text("ab-0/", max_size=4))
def test_a_walk_gives_the_wanted_keys_in_order(tree: Any, prefix: str, after: str) -> None:
    expected = [key for key in keys_of(tree) if key.startswith(prefix) and key.encode() > after.encode()]
    assert list(Wanted(prefix, after).walk(branches(tree))) == expected


@given(st.dictionaries(NAMES, TREES, max_size=5), st.text("ab-0/", max_size=4), st.integers(1, 3))
def test_pages_together_are_the_whole_listing(tree: Any, prefix: str, size: int) -> None:
    expected = folded([key for key in keys_of(tree) if key.startswith(prefix)], prefix)
    found: list[str] = []
    while True:
        page = list(islice(Wanted(prefix, found[-1] if found else "", is_folded=True).walk(branches(tree)), size))
        if not page:
            break
        found += page
    assert found == expected


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 99, 100, 101, 1234])
def test_numbers_are_in_the_order_of_their_texts(count: int) -> None:
    expected = sorted(range(count), key=str)
    assert list(in_text_order(count)) == expected
    for place in range(0, count, 7):
        assert list(in_text_order(count, expected[place])) == expected[place:]


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("counts", [(3,), (12, 3), (2, 11, 2)])
def test_chunks_go_on_behind_any_key(counts: tuple[int, ...], separator: str) -> None:
    keys = sorted(separator.join(map(str, index)) for index in product(*map(range, counts)))
    for place, after in enumerate(["", *keys]):
        walk = Wanted(after=after).walk(numbers(counts, separator, after))
        assert list(walk) == keys[place:]


@given(st.sampled_from([(1,), (13,), (12, 3), (2, 101)]), st.text("0159:-/.x", max_size=5), st.text("0159:-/.x", max_size=5))
def test_chunks_begin_at_any_text(counts: tuple[int, ...], prefix: str, after: str) -> None:
    keys = sorted("/".join(map(str, index)) for index in product(*map(range, counts)))
    walk = Wanted(prefix, after).walk(numbers(counts, "/", max(prefix, after)))
    assert list(walk) == [key for key in keys if key.startswith(prefix) and key > after]


@pytest.mark.parametrize(
    ("prefix", "after", "expected"),
    [
        ("c/9", "", ["c/9/0", "c/9/1"]),
        ("c/777/888", "c/777/888", ["c/777/8880", "c/777/88800"]),
        ("c/0/9", "c/0/99999999", ["c/0/999999990", "c/0/999999991"]),
        ("c/5/", "c/5/9x", []),
        ("c/99999999999", "", []),
        ("c/", "c/x", []),
        ("c/-", "", []),
        ("c/08", "", []),
    ],
)
def test_what_is_not_wanted_is_not_made(prefix: str, after: str, expected: list[str]) -> None:
    """A page of an array of 10^18 chunks takes no longer than its keys: not a million steps."""
    steps = 0

    def counted(branches: Iterable[Branch]) -> Iterator[Branch]:
        nonlocal steps
        for text, below in branches:
            steps += 1
            assert steps < 1000
            yield Branch(text, None if below is None else lambda first, below=below: counted(below(first)))

    walk = Wanted(prefix, after).walk([Branch("c/", lambda first: counted(numbers((10**9, 10**9), "/", first)))])
    assert list(islice(walk, 2)) == expected
