"""Watches of local files, by which pollers hear of a change before their next look.

One thread serves all pollers of a process. It watches folders, never what is below their
sub-folders: a file is often replaced by a rename, which only its folder reports. The library
`watchfiles` takes its folders when a watch begins, so the thread begins a new watch whenever there
are other folders. What changes between two watches nobody reports, so all pollers look once after
each beginning.

    nobody follows --follow--> begins a watch --> waits for changes --> notifies those who follow them
                                    ^                    |
                                    +---- other folders -+      no followers: the thread ends

A watch is a hint. Without the library, beyond the limits of the system or of MOST, and on file
systems that report nothing, pollers look as often as they do without any watch.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TypeAlias

MOST = 100
"""Folders that a process watches, at most; Linux allows 8192 or more for all processes of a user."""
QUIET, LATEST = 50, 250
"""Milliseconds without a change after which changes are reported, and after which they are anyway."""
ROUND = 250
"""Milliseconds after which the library returns without changes: so late do we know that it watches."""
PAUSE, AGAIN = 1.0, 60.0
"""Seconds after which a watch begins again that has failed, and one that the system has refused."""

Changes: TypeAlias = "Generator[set[tuple[object, str]], None, None]"
Begin: TypeAlias = Callable[[Iterable[str], Event], Changes]
Names: TypeAlias = frozenset[str] | None
"""Names of files in a folder; None means all of them."""

log = logging.getLogger(__name__)


class Watches:
    """Who follows which files of this machine. `begin` watches folders until its event is set."""

    def __init__(self, begin: Begin | None = None, most: int = MOST) -> None:
        self.most = most
        self.folders: frozenset[str] = frozenset()
        self._begin = begin
        self._followers: dict[asyncio.Event, tuple[asyncio.AbstractEventLoop, tuple[str, ...]]] = {}
        self._lock = Lock()
        self._others = Event()
        self._thread: Thread | None = None
        self._is_limited = False
        self._is_missing = False

    def follow(self, woken: asyncio.Event, paths: tuple[str, ...]) -> None:
        """Set `woken` after each change of these files or folders. Call it in the event loop; does not block."""
        with self._lock:
            if not paths:
                self._leave(woken)
                return
            before = self._followers.get(woken)
            self._followers[woken] = (asyncio.get_running_loop(), paths)
            if before is None or before[1] != paths or self._is_missing:
                self._others.set()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="tiled-zarr-watches", daemon=True)
                self._thread.start()

    def leave(self, woken: asyncio.Event) -> None:
        """Set `woken` no more. The thread ends with the last one, within QUIET milliseconds."""
        with self._lock:
            self._leave(woken)

    def _leave(self, woken: asyncio.Event) -> None:
        if self._followers.pop(woken, None) is not None:
            self._others.set()

    def _run(self) -> None:
        """Watch until nobody follows anything."""
        begin = self._begin or library()
        while (followed := self._next()) is not None:
            if begin is None:
                self._others.wait()
                continue
            former, self.folders = self.folders, frozenset()
            wanted = self._bounded(followed)
            for folders in (wanted, wanted & former):
                if self._watch(begin, folders, followed):
                    break
            else:
                self._others.wait(AGAIN)

    def _next(self) -> dict[asyncio.Event, dict[str, Names]] | None:
        """What each follower follows, None if there is none: then the thread is over."""
        with self._lock:
            if not self._followers:
                self._thread, self.folders = None, frozenset()
                return None
            self._others.clear()
            followers = {woken: paths for woken, (_, paths) in self._followers.items()}
        followed = {woken: located(paths) for woken, paths in followers.items()}
        self._is_missing = not all(followed.values())
        return followed

    def _bounded(self, followed: Mapping[asyncio.Event, Mapping[str, Names]]) -> frozenset[str]:
        """The folders to watch: those that were followed first."""
        wanted = [*dict.fromkeys(folder for folders in followed.values() for folder in folders)]
        if len(wanted) > self.most:
            self._limited(f"{len(wanted)} folders are followed, and {self.most} are watched at most")
        return frozenset(wanted[: self.most])

    def _watch(self, begin: Begin, folders: frozenset[str], followed: Mapping[asyncio.Event, Mapping[str, Names]]) -> bool:
        """Report changes until other folders are followed; False if the system refuses to watch."""
        if not folders:
            return False
        watch = begin(sorted(folders), self._others)
        try:
            for changes in watch:
                if self.folders != folders:
                    self.folders = folders
                    self._wake(followed)
                if changes:
                    changed = {path for _, path in changes}
                    self._wake(woken for woken, names in followed.items() if concerns(changed, names))
                    if not changed.isdisjoint(folders):
                        break  # a folder has been replaced: watch the new one
        except (OSError, RuntimeError) as error:
            if self.folders == folders:  # it was in force; a name that is not UTF-8 ends a watch
                self._others.wait(PAUSE)
                return True
            self._limited(str(error))
            return False
        finally:
            watch.close()
        return True

    def _wake(self, followers: Iterable[asyncio.Event]) -> None:
        for woken in [*followers]:
            found = self._followers.get(woken)
            if found is not None:
                with suppress(RuntimeError):  # its loop has been closed
                    found[0].call_soon_threadsafe(woken.set)

    def _limited(self, why: str) -> None:
        """Log once that not everything can be watched."""
        if not self._is_limited:
            self._is_limited = True
            log.warning("not all files that clients follow are watched, so some changes are seen up to a second later: %s", why)


def located(paths: Iterable[str]) -> dict[str, Names]:
    """The folders to watch for files and folders, with the names of the files. Blocks.

    A link is watched, and so is what it leads to. Leaves out what is not there, and what the
    library cannot name since its path is not UTF-8.
    """
    found: dict[str, Names] = {}
    for path in paths:
        real = os.path.realpath(path)
        if os.path.isdir(real):  # noqa: PTH112 - texts throughout
            found[real] = None
            continue
        for folder, name in (os.path.split(path), os.path.split(real)):
            names = found.get(folder, frozenset())
            found[folder] = None if names is None else names | {name}
    return {folder: names for folder, names in found.items() if is_text(folder) and os.path.isdir(folder)}  # noqa: PTH112


def is_text(path: str) -> bool:
    """Whether a path can be written as UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def concerns(changed: Iterable[str], followed: Mapping[str, Names]) -> bool:
    """Whether changes concern who follows these files.

    >>> concerns({"/data/a.npy"}, {"/data": frozenset({"b.npy"})}), concerns({"/data/a.npy"}, {"/data": None})
    (False, True)
    """
    for path in changed:
        folder, name = os.path.split(path)
        names = followed.get(folder, frozenset())
        if path in followed or names is None or name in names:
            return True
    return False


def library() -> Begin | None:
    """The function that watches, of the library `watchfiles`; None if that is not installed."""
    try:
        from watchfiles import watch
    except ImportError:
        return None

    def begin(folders: Iterable[str], end: Event) -> Changes:
        return watch(  # type: ignore[return-value] # a generator is invariant
            *folders,
            watch_filter=None,
            debounce=LATEST,
            step=QUIET,
            stop_event=end,
            rust_timeout=ROUND,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=False,
            recursive=False,
        )

    return begin
