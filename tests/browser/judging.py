"""Pages as axe-core and a keyboard find them: `judge.mjs` opens them in Chromium."""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from browser.driving import HERE, Browser, chromium


@dataclass(frozen=True)
class Judged:
    """A page: what axe finds wrong, what has the focus after each key, what it asked for and said.

    `passes` is the number of rules that the page keeps; 0 if none was tried.
    """

    violations: list[str]
    focused: list[dict[str, Any]]
    hosts: set[str]
    console: list[str]
    url: str
    status: int
    text: str
    isWide: bool  # noqa: N815 - as JavaScript has it
    passes: int


@cache
def judge() -> Browser:
    """The browser that all tests of this process share; it ends with it."""
    process = subprocess.Popen(["node", str(HERE / "judge.mjs"), chromium()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return Browser(process)


def judged(
    url: str,
    screenshot: Path,
    *,
    looks: Sequence[tuple[str, int]] = (),
    script: bool = True,
    keys: Sequence[str] = (),
    fill: Mapping[str, str] = {},
    click: str = "",
) -> Judged:
    """Open a page, fill in fields by their labels, click a button, press keys, and judge it.

    axe tries it in each of `looks`, a colour scheme and a width.
    """
    wanted = {"url": url, "looks": [*looks], "script": script, "keys": [*keys], "fill": dict(fill), "click": click}
    result = judge().show({**wanted, "screenshot": str(screenshot)})
    assert "error" not in result, result["error"]
    return Judged(**{**result, "hosts": set(result["hosts"])})
