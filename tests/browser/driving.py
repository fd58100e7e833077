"""Pages as a browser shows them: what they ask for, what goes wrong, and their pixels."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SECONDS = 170
NOT_FOUND = "Failed to load resource: the server responded with a status of 404"

Action = tuple[Any, ...]
"""An action on a page, as `drive.mjs` reads it.

Examples: ("press", "+"), ("click", "Fit"), ("drag", -300, 0), ("turn", -100), ("pause", 200),
("call", url), ("reload",), ("copy", "Copy"), ("trace", [(x, y), ...]),
("set", "Scale", "log").
"""
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Request:
    """One line of the network log; `failure` is empty where there was an answer."""

    method: str
    url: str
    status: int
    bytes: int
    is_cached: bool
    failure: str

    @property
    def is_answered(self) -> bool:
        """Whether it came to a good end: an aborted one did, and one that found nothing."""
        return self.failure == "aborted" or (not self.failure and (self.status < 400 or self.status == 404))


@dataclass(frozen=True)
class Shown:
    """A page after `loads`; `console` are its errors, without the browser's lines for a 404."""

    loads: list[list[Request]]
    console: list[str]
    text: str
    pixels: Pixels
    said: list[str]

    def asked(self, origin: str, load: int = 0) -> list[Request]:
        """What a load asked of an origin and no cache answered."""
        return [request for request in self.loads[load] if request.url.startswith(origin) and not request.is_cached]

    def missing(self) -> set[str]:
        """Addresses that were not found."""
        return {request.url for requests in self.loads for request in requests if request.status == 404}


@dataclass(frozen=True)
class Browser:
    """A running Chromium and the program that drives it; starting it takes longer than a page."""

    process: subprocess.Popen[str]

    def show(self, wanted: dict[str, object]) -> dict[str, Any]:
        """What `drive.mjs` reports of a page. It gives up by itself, before SECONDS are over."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(wanted), file=self.process.stdin, flush=True)
        with ended_after(self.process, SECONDS):
            line = self.process.stdout.readline()
        assert line, f"the browser has ended with {self.process.wait(SECONDS)}"
        result: dict[str, Any] = json.loads(line)
        return result


@contextmanager
def ended_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Kill a process that is still asked for an answer after some seconds."""
    timer = Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def installed() -> str | None:
    """The path of Chromium, if there is one; its headless shell, which draws no window, takes a seventh of the time for a page."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def chromium() -> str:
    """The path of Chromium, which tests cannot do without."""
    found = installed()
    assert found, "Chromium is needed: apt-get install chromium-headless-shell, or chromium"
    return found


@cache
def browser() -> Browser:
    """The browser that all tests of this process share; it ends with it."""
    command = ["node", str(HERE / "drive.mjs"), chromium()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return Browser(process)


def show(
    url: str,
    screenshot: Path,
    *,
    loads: int = 1,
    actions: Sequence[Action] = (),
    is_exact: bool = False,
    size: tuple[int, int] = (1280, 720),
    scheme: str = "light",
) -> Shown:
    """Open a page, wait until something is visible, do the actions, and look at it.

    With `is_exact`, wait until it is not made from samples. `size` is that of the window, and
    `scheme` the colours that the user prefers: light or dark.
    """
    wanted = {"url": url, "loads": loads, "actions": list(actions), "isExact": is_exact, "screenshot": str(screenshot)}
    wanted |= {"size": size, "scheme": scheme}
    if browser().process.poll() is not None:  # an earlier page has taken it down
        browser.cache_clear()
    result = browser().show(wanted)
    assert "error" not in result, result["error"]
    with Image.open(screenshot) as image:
        pixels = np.asarray(image.convert("RGB"))
    console = [line for line in result["console"] if not line.startswith(NOT_FOUND)]
    return Shown([[_request(request) for request in load] for load in result["loads"]], console, result["text"], pixels, result["said"])


def press(*keys: str) -> list[Action]:
    """Press keys, one after the other."""
    return [("press", key) for key in keys]


def _request(logged: dict[str, Any]) -> Request:
    return Request(
        method=logged["method"],
        url=logged["url"],
        status=logged.get("status", 0),
        bytes=logged["bytes"],
        is_cached=logged.get("isCached", False),
        failure="unanswered" if logged["isOpen"] else logged.get("failure", ""),
    )
