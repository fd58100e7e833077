"""What a page of a large group costs, in process: the first, the last, a filter, another order.

    python bench/browse.py [--children 100000] [--rounds 5]

The group is a mapping in memory, which has no revision and is listed for each page, or a folder of
NPY files. Of each page it prints the median time after a first one, and appends it to
bench/record/browse.csv.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import _record
from tiled_zarr import Array, Group
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings
from tiled_zarr.tree import resources_of

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from asgi import ask

SETTLING = 2.5
"""Seconds after which a listing is trusted: coarse clocks may give two writes the same time."""
PAGES = ("/", "/?page=100", "/?filter=99", "/?filter=*none*", "/?sort=-name")


def groups(children: int, folder: Path) -> Iterator[tuple[str, Any]]:
    """Applications over the same children in memory and in a folder."""
    data = np.zeros((2, 2))
    names = [f"f{number * 7}_a{number % 7}" for number in range(children)]
    node = Array(shape=data.shape, dtype=data.dtype, read=data.__getitem__, blocking=False)
    yield "memory", create_app(Group(children=dict.fromkeys(names, node)), Settings(public=True))
    np.save(folder / names[0], data)
    content = (folder / f"{names[0]}.npy").read_bytes()
    for name in names[1:]:
        (folder / f"{name}.npy").write_bytes(content)
    time.sleep(SETTLING)
    settings = Settings(public=True)
    resources = resources_of(settings)
    root = open_directory(folder, resources)
    assert isinstance(root, Group)
    yield "folder", create_app(root, settings, resources=resources)


def measured(app: Any, path: str, rounds: int) -> float:
    """The median milliseconds of a page."""
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        assert ask(app, path).status == 200
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[1:])


def main() -> None:
    """Measure all pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind, app in groups(options.children, Path(folder)):
            for path in PAGES:
                ms = measured(app, path, options.rounds)
                print(f"{kind:8} {path:18} {ms:6.1f} ms")
                _record.append("browse", {"kind": kind, "children": options.children, "page": path, "ms": ms})


if __name__ == "__main__":
    main()
