"""Pages as a browser shows them: what they ask for, what goes wrong, and their pixels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SECONDS = 170
NOT_FOUND = "Failed to load resource: the server responded with a status of 404"

Action = tuple[str | int, ...]
"""What is done on a page, as `drive.mjs` has it: ("press", "+"), ("click", "Fit"), ("drag", -300, 0), ("turn", -100), ("pause", 200)."""
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

    def asked(self, origin: str, load: int = 0) -> list[Request]:
        """What a load asked of an origin and no cache answered."""
        return [request for request in self.loads[load] if request.url.startswith(origin) and not request.is_cached]

    def missing(self) -> set[str]:
        """Addresses that were not found."""
        return {request.url for requests in self.loads for request in requests if request.status == 404}


def show(url: str, screenshot: Path, *, loads: int = 1, actions: Sequence[Action] = (), is_exact: bool = False) -> Shown:
    """Open a page, wait until there is something to see (with `is_exact` not made of samples), act, look at it."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    wanted = {
        "chromium": chromium,
        "url": url,
        "loads": loads,
        "actions": list(actions),
        "isExact": is_exact,
        "screenshot": str(screenshot),
    }
    command = ["node", str(HERE / "drive.mjs")]
    done = subprocess.run(command, input=json.dumps(wanted), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    with Image.open(screenshot) as image:
        pixels = np.asarray(image.convert("RGB"))
    console = [line for line in result["console"] if not line.startswith(NOT_FOUND)]
    return Shown([[_request(request) for request in load] for load in result["loads"]], console, result["text"], pixels)


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
