"""How long it takes from the change of a file to the event that tells of it, with and without a watch.

    python bench/events.py [--changes 20]

It serves a folder in process and follows an NPY file, which it replaces by a rename, at moments
that are evenly spread over the second between two looks. It prints the least, the median and the
largest time in milliseconds, and appends them to bench/record/events.csv. Needs watchfiles.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

import _record
from tiled_zarr import serve
from tiled_zarr.adapters.registry import open_file

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from streaming import PATIENCE, events

BESIDES = 1.5
"""Seconds after an event before the next change: longer than a watch needs to begin."""


def replaced(path: Path, rows: int) -> float:
    """Replace the array by one with so many rows; returns when it was there."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        np.save(file, np.zeros((rows, 3)))
    draft.rename(path)
    return time.perf_counter()


def taken(folder: Path, changes: int) -> list[float]:
    """Milliseconds from each change to its event."""
    path, found = folder / "a.npy", []
    replaced(path, 1)
    with serve(public=True, port=0) as handle, httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        handle["data"] = open_file(folder)
        with client.stream("GET", f"{handle.url}/events/data/a") as answer:
            seen = events(answer.iter_lines())
            next(seen)
            for change in range(changes):
                time.sleep(BESIDES + change / changes)
                rows, begun = change + 2, replaced(path, change + 2)
                while next(seen).data["shape"] != [rows, 3]:
                    pass
                found.append((time.perf_counter() - begun) * 1000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how soon a change is told.")
    parser.add_argument("--changes", type=int, default=20, help="how often the file is replaced")
    given = parser.parse_args()
    import watchfiles  # noqa: F401 - without it both would be the same

    for way in ("watched", "polled"):
        if way == "polled":
            sys.modules["watchfiles"] = None  # type: ignore[assignment] # then importing it fails
        with tempfile.TemporaryDirectory() as folder:
            times = taken(Path(folder), given.changes)
        print(f"{way:8} {min(times):6.0f} {statistics.median(times):6.0f} {max(times):6.0f} ms", flush=True)
        _record.append(
            "events", {"way": way, "least_ms": min(times), "median_ms": statistics.median(times), "largest_ms": max(times)}, ["watchfiles"]
        )


if __name__ == "__main__":
    main()
