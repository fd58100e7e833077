"""Watches of local files: what is watched for whom, how much at most, and what the system refuses."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tiled_zarr.http.work.watches import Changes, Watches, located


class System:
    """A file system that watches at most `most` folders, and reports what a test puts into `changes`."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.begun: list[tuple[str, ...]] = []
        self.changes: list[str] = []

    def begin(self, folders: Iterable[str], end: threading.Event) -> Changes:
        watched = tuple(folders)
        self.begun.append(watched)
        if len(watched) > self.most:
            raise OSError(errno.ENOSPC, "OS file watch limit reached")
        while not end.wait(0.005):
            changes, self.changes = self.changes, []
            yield {(1, path) for path in changes}


async def happens(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it is another thread that changes
            await asyncio.sleep(0.005)


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{number}" for number in range(4)]
    for path in paths:
        path.mkdir()
    return [os.path.realpath(path) for path in paths]


def test_only_who_follows_a_file_hears_of_it(folders: list[str]) -> None:
    async def heard() -> None:
        system = System()
        watches = Watches(system.begin)
        one, other, folder = (asyncio.Event() for _ in range(3))
        for woken, path in ((one, f"{folders[0]}/a"), (other, f"{folders[0]}/b"), (folder, folders[0])):
            watches.follow(woken, (path,))
        await happens(lambda: one.is_set() and other.is_set() and folder.is_set())
        for woken in (one, other, folder):
            woken.clear()
        system.changes = [f"{folders[0]}/a"]
        await happens(lambda: one.is_set() and folder.is_set())
        assert not other.is_set()
        for woken in (one, other, folder):
            watches.leave(woken)
        await happens(lambda: watches._thread is None)

    asyncio.run(heard())


def test_beyond_the_bound_the_first_folders_are_watched_and_one_line_says_so(folders: list[str], caplog: pytest.LogCaptureFixture) -> None:
    async def bounded() -> None:
        system = System()
        watches = Watches(system.begin, most=2)
        events = [asyncio.Event() for _ in folders]
        for woken, folder in zip(events, folders, strict=True):
            watches.follow(woken, (folder,))
            await happens(lambda: len(watches.folders) > 0)
        await happens(lambda: watches.folders == {*folders[:2]} and all(woken.is_set() for woken in events))
        for woken in events:
            watches.leave(woken)
        await happens(lambda: watches._thread is None)
        assert max(map(len, system.begun)) == 2

    with caplog.at_level(logging.WARNING):
        asyncio.run(bounded())
    assert [record.message for record in caplog.records if "2 are watched at most" in record.message] == [caplog.records[0].message]


def test_at_the_systems_limit_the_former_watch_stays(folders: list[str], caplog: pytest.LogCaptureFixture) -> None:
    async def limited() -> None:
        system = System(most=1)
        watches = Watches(system.begin)
        first, second, third = (asyncio.Event() for _ in range(3))
        watches.follow(first, (folders[0],))
        await happens(lambda: watches.folders == {folders[0]})
        for woken, folder in ((second, folders[1]), (third, folders[2])):
            watches.follow(woken, (folder,))
            count = len(system.begun)
            await happens(lambda count=count: len(system.begun) >= count + 2 and watches.folders == {folders[0]})  # type: ignore[misc] # mypy infers no type of a default
        first.clear()
        system.changes = [f"{folders[0]}/a"]
        await happens(first.is_set)
        for woken in (first, second, third):
            watches.leave(woken)
        await happens(lambda: watches._thread is None)

    with caplog.at_level(logging.WARNING):
        asyncio.run(limited())
    assert [record.message.count("watch limit") for record in caplog.records] == [1]


def test_where_nothing_can_be_watched_the_thread_ends_with_the_last_follower(folders: list[str]) -> None:
    async def refused() -> None:
        watches = Watches(System(most=0).begin)
        woken = asyncio.Event()
        watches.follow(woken, (folders[0],))
        await asyncio.sleep(0.05)
        watches.leave(woken)
        await happens(lambda: watches._thread is None)
        assert not woken.is_set()

    asyncio.run(refused())


def test_located(folders: list[str], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(f"{folders[0]}/a")
    real = os.path.realpath(tmp_path)
    assert located([f"{folders[1]}/b", f"{folders[1]}/c"]) == {folders[1]: {"b", "c"}}
    assert located([folders[2], f"{folders[2]}/b"]) == {folders[2]: None}
    assert located([f"{real}/link"]) == {real: {"link"}, folders[0]: {"a"}}
    assert located([f"{real}/gone/a"]) == {}
    assert located([os.fsdecode(b"/tmp/\xff/a")]) == {}
