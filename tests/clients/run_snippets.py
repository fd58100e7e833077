"""Runs the code that a page offers: `run_snippets.py PAGE ADDRESS FOLDER`.

It saves the result of each snippet about an address, and prints their names. A stand-in for napari
records what it should show.
"""

from __future__ import annotations

import html
import json
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import numpy as np

SNIPPET = re.compile(r'<h[23]>([^<]+)</h[23]><button[^>]*>Copy</button></div>\s*<pre class="code"[^>]*>(.*?)</pre>', re.DOTALL)


def run(code: str) -> dict[str, Any]:
    """The arrays that a snippet gives, by name."""
    shown: list[Any] = []
    sys.modules["napari"] = SimpleNamespace(imshow=partial(note, shown), run=lambda: None)  # type: ignore[assignment]
    names: dict[str, Any] = {}
    exec(code, names)
    if shown:
        return {str(number): level for number, level in enumerate(shown)}
    if "array" in names:
        return {"array": names["array"][...]}
    members = names.get("group") or names["dataset"]
    return {name: members[name][...] for name in members}


def note(shown: list[Any], levels: list[Any], *, multiscale: bool) -> None:
    assert multiscale
    shown.extend(levels)


def is_about(address: str, code: str) -> bool:
    """Whether a snippet opens an address, or an array through its group."""
    group, _, name = address.rpartition("/")
    return f'/{group}"' in code if code.endswith(f'["{name}"]') else f'/{address}"' in code and not code.endswith("]")


def main(page: str, address: str, folder: Path) -> None:
    with urlopen(page) as answer:
        found = [(title, html.unescape(code)) for title, code in SNIPPET.findall(answer.read().decode())]
    report = {}
    for title, code in found:
        if is_about(address, code):
            arrays = run(code)
            for name, values in arrays.items():
                np.save(folder / f"{title} {name}.npy", np.asarray(values))
            report[title] = list(arrays)
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
