from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

from tiled_zarr.caches.allowance import Allowance, Share


def filled(allowance: Allowance, count: int) -> Share[int, int]:
    share: Share[int, int] = allowance.share()
    for i in range(count):
        share[i] = i
    return share


def test_all_dicts_together_hold_at_most_the_bound() -> None:
    allowance = Allowance(10)
    shares = [filled(allowance, 4) for _ in range(5)]
    assert [len(share) for share in shares] == [0, 0, 0, 4, 4]
    assert allowance.total == 8


def test_the_dict_added_to_longest_ago_is_cleared_first() -> None:
    allowance = Allowance(10)
    first, second = filled(allowance, 4), filled(allowance, 4)
    first[9] = 9
    third = filled(allowance, 4)
    assert [len(first), len(second), len(third)] == [5, 0, 4]


def test_one_dict_may_fill_the_bound_and_is_cleared_beyond_it() -> None:
    allowance = Allowance(10)
    assert len(filled(allowance, 10)) == 10
    assert filled(allowance, 11) == {}
    assert allowance.total == 0


def test_the_same_key_counts_once() -> None:
    allowance = Allowance(2)
    share = filled(allowance, 2)
    for _ in range(5):
        share[0] = 7
    assert share == {0: 7, 1: 1}


def test_dicts_that_are_garbage_do_not_count() -> None:
    allowance = Allowance(10)
    kept = filled(allowance, 4)
    for _ in range(100):
        filled(allowance, 5)
    gc.collect()
    kept[9] = 9
    assert allowance.total == 5
    assert len(kept) == 5


def test_many_threads_stay_within_the_bound() -> None:
    allowance = Allowance(100)
    with ThreadPoolExecutor(8) as threads:
        shares = list(threads.map(lambda _: filled(allowance, 40), range(64)))
    shares[0][0] = 0
    assert sum(map(len, shares)) <= 100
    assert allowance.total <= 100
