"""Children that hang are refused for a while, longer each time.

They are good again as soon as they answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from threading import get_ident
from types import MappingProxyType

import numpy as np
import pytest

from hanging import folder, plain
from tiled_zarr import hangs as module
from tiled_zarr.adapters import adapt
from tiled_zarr.hangs import LONGEST_PAUSE, PAUSE, Asked, Hangs
from tiled_zarr.nodes import Group, TooSlow


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module, "monotonic", lambda: self.now)


def here(hangs: Hangs) -> Asked:
    asked = hangs.asked(get_ident())
    assert asked is not None
    return asked


def hang(hangs: Hangs, group: object, seconds: float, clock: Clock) -> None:
    """Ask for a child, and declare after so many seconds that it hangs.

    The thread that asks never returns.
    """
    asking = hangs.asking(group, "a")  # type: ignore[arg-type] # a group
    with suppress(InterruptedError), asking:
        clock.now += seconds
        hangs.declare(here(hangs))
        raise InterruptedError


def test_a_child_that_hangs_is_left_alone_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hangs, group = Clock(monkeypatch), Hangs(), folder({"a": plain(), "b": plain()})
    for pause in (PAUSE, 2 * PAUSE, 4 * PAUSE, *(8 * PAUSE * 2**n for n in range(3)), LONGEST_PAUSE, LONGEST_PAUSE):
        hang(hangs, group, 15, clock)
        for wait in (0, pause - 1):
            clock.now += wait
            with pytest.raises(TooSlow, match="it did not answer within 15 s; it is asked again after a pause"):
                hangs.child(group, "a", is_listed=True)
        assert hangs.child(group, "b", is_listed=True) is group.children["b"]
        clock.now += 1
        hangs.check(group, "a")
    assert hangs.child(group, "a", is_listed=False) is group.children["a"]
    hang(hangs, group, 15, clock)
    clock.now += PAUSE
    hangs.check(group, "a")
    assert hangs.asked(get_ident()) is None


def test_documents_learn_of_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hangs, group = Clock(monkeypatch), Hangs(), folder({"a": plain()})
    before = hangs.look()
    hang(hangs, group, 15, clock)
    begun = hangs.look()
    clock.now += PAUSE - 1
    assert before < begun == hangs.look()
    clock.now += 1
    over = hangs.look()
    assert begun < over == hangs.look()
    hangs.child(group, "a", is_listed=True)
    assert over < hangs.look()


def test_what_has_answered_meanwhile_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, group = Hangs(), folder({"a": plain()})
    with hangs.asking(group, "a"):
        asked = here(hangs)
    hangs.declare(asked)
    assert hangs.child(group, "a", is_listed=True) is group.children["a"]


def test_a_child_inside_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a child of a child has the more time for the outer one."""
    clock, hangs = Clock(monkeypatch), Hangs()
    inner = folder({"x": plain()})
    outer = folder({"inner": inner})
    with hangs.asking(outer, "inner"):
        clock.now += 10
        hangs.child(inner, "x", is_listed=True)
        asked = here(hangs)
        assert (asked.group, asked.name, asked.since) == (outer, "inner", clock.now)
    assert hangs.asked(get_ident()) is None


class Anew(dict[str, object]):
    """What other mappings hold, made anew at each look."""

    def __getitem__(self, name: str) -> Mapping[str, object]:
        return MappingProxyType({"a": np.arange(3), "inner": {"a": np.arange(3)}})


@pytest.mark.parametrize("path", [("outer",), ("outer", "inner")], ids=len)
def test_what_hangs_in_a_group_that_is_made_anew_hangs_in_the_next_one(monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    """Otherwise each attempt would lose another thread, and no document would be made."""
    clock, hangs, root = Clock(monkeypatch), Hangs(), adapt(MappingProxyType(Anew(outer=None)))

    def look() -> Group:
        group = root
        for name in path:
            assert isinstance(group, Group)
            group = group.children[name]
        assert isinstance(group, Group)
        return group

    look()
    hang(hangs, look(), 15, clock)
    with pytest.raises(TooSlow):
        hangs.child(look(), "a", is_listed=True)
