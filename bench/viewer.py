"""How long a viewer waits: for the first view of large images, and for tiles on a tour.

    python bench/viewer.py [--images big_image gigapixel memory hdf5] [--side 100000]
        [--server uvicorn]

It sends the requests that vizarr sends: the group's attributes, the header of each level, all of
the smallest level, then the tiles in a window of 1280 x 720, ten at a time. The tour pans and
zooms, once cold and once warm, and it aborts the tiles of a view that it leaves. The views are the
same in each run. `hdf5` is a file of 16-bit pixels, 20 GB at the default side, made once in
build/bench/viewer; `memory` is an array in memory. It prints one line per case and appends it to
bench/record/viewer.csv.

    python bench/viewer.py --pages table explore

It opens `/explore/` of a Parquet file of 100 million rows, or of an array of 10 million samples, in
Chromium, and takes the time from the start of navigation to the first rows and to the first plot:
cold, in a server that has just started, and warm, in the same server; the browser has an empty
cache both times. The rows go to bench/record/pages.csv.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import aiohttp

import _images
import _processes
import _record
from _servers import SOURCES, live

WINDOW = (720, 1280)
AT_ONCE = 10
SECONDS_A_VIEW = 0.5
"""Seconds that the tour spends on a view before the next."""
STEPS = 24
SEED = 4
EXACT_SECONDS = 600
QUICK_IMAGES = ["big_image", "memory"]


class View(NamedTuple):
    """A window on a level; its centre is in fractions of the image."""

    level: int
    y: float
    x: float


@dataclass
class Image:
    """A multiscale image at a URL."""

    url: str
    shapes: list[tuple[int, int]] = field(default_factory=list)
    tile: int = 512
    rank: int = 2

    def tiles(self, view: View) -> list[str]:
        """The URLs of the tiles in a view."""
        spans = []
        for size, centre, window in zip(self.shapes[view.level], (view.y, view.x), WINDOW, strict=True):
            start = min(max(0, int(centre * size) - window // 2), max(0, size - window))
            spans.append(range(start // self.tile, -(-min(start + window, size) // self.tile)))
        leading = "0/" * (self.rank - 2)
        return [f"{self.url}/{view.level}/{leading}{row}/{column}" for row in spans[0] for column in spans[1]]

    def first_level(self) -> int:
        """The level at which the whole image fits into the window, rounded as vizarr does."""
        rows, columns = self.shapes[0]
        zoom = round(math.log2(min(WINDOW[0] / rows, WINDOW[1] / columns)))
        return min(max(0, -zoom), len(self.shapes) - 1)


@dataclass
class Answers:
    """The number of replies and of aborted requests, their bytes, and their latencies."""

    requests: int = 0
    nbytes: int = 0
    milliseconds: list[float] = field(default_factory=list)
    aborted: int = 0


async def get(session: aiohttp.ClientSession, url: str, answers: Answers) -> bytes:
    start = time.perf_counter()
    async with session.get(url) as reply:
        body = await reply.read()
        assert reply.status == 200, f"{url}: {reply.status}"
    answers.requests += 1
    answers.nbytes += len(body)
    answers.milliseconds.append(1000 * (time.perf_counter() - start))
    return body


async def opened(session: aiohttp.ClientSession, url: str, answers: Answers) -> Image:
    attributes = json.loads(await get(session, f"{url}/.zattrs", answers))
    paths = [dataset["path"] for dataset in attributes["multiscales"][0]["datasets"]]
    headers = [json.loads(body) for body in await asyncio.gather(*(get(session, f"{url}/{path}/.zarray", answers) for path in paths))]
    return Image(url, [tuple(header["shape"][-2:]) for header in headers], headers[0]["chunks"][-1], len(headers[0]["shape"]))


async def first_view(url: str) -> tuple[Image, Answers, float]:
    """Send the requests until the whole image is visible; the last value is the seconds."""
    answers = Answers()
    start = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        image = await opened(session, url, answers)
        smallest = View(len(image.shapes) - 1, 0.5, 0.5)
        wanted = dict.fromkeys([*image.tiles(smallest), *image.tiles(View(image.first_level(), 0.5, 0.5))])
        await asyncio.gather(*(get(session, tile, answers) for tile in wanted))
    return image, answers, time.perf_counter() - start


def trace(image: Image) -> Iterator[View]:
    """The views of the tour: it zooms and pans in a random but fixed order."""
    rng = random.Random(SEED)
    view = View(image.first_level(), 0.5, 0.5)
    for _ in range(STEPS):
        if rng.random() < 0.5:
            level = min(max(0, view.level + rng.choice([-1, -1, -1, 1])), image.first_level())
            view = view._replace(level=level)
        else:
            rows, columns = image.shapes[view.level]
            view = View(
                view.level,
                min(1.0, max(0.0, view.y + rng.choice([-1, 1]) * WINDOW[0] / 2 / rows)),
                min(1.0, max(0.0, view.x + rng.choice([-1, 1]) * WINDOW[1] / 2 / columns)),
            )
        yield view


async def walk(image: Image) -> Answers:
    """Take the tour, and abort the tiles that have not arrived when it leaves a view."""
    answers = Answers()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        for view in trace(image):
            tasks = [asyncio.ensure_future(timed(session, tile, answers)) for tile in image.tiles(view)]
            _, late = await asyncio.wait(tasks, timeout=SECONDS_A_VIEW)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            answers.aborted += len(late)
            for task in tasks:
                if not task.cancelled():
                    task.result()
    return answers


async def timed(session: aiohttp.ClientSession, url: str, answers: Answers) -> None:
    await get(session, url, answers)


async def exact_after(url: str) -> float | None:
    """Seconds until no level is sampled any more; None after EXACT_SECONDS."""
    start = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        while time.perf_counter() - start < EXACT_SECONDS:
            attributes = json.loads(await get(session, f"{url}/.zattrs", Answers()))
            if not attributes["multiscales"][0]["metadata"]["sampled"]:
                return time.perf_counter() - start
            await asyncio.sleep(0.5)
    return None


def hdf5_file(side: int) -> Path:
    """An image of 16-bit pixels in uncompressed chunks of 512 x 512.

    It has waves and noise, and no two chunks are alike.
    """
    import h5py
    import numpy as np

    path = _images.FOLDER / "viewer" / f"picture-{side}.h5"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    writing = path.with_suffix(".writing")
    noise = np.random.default_rng(1).integers(0, 500, (512, 512)).astype("u2")
    y, x = np.mgrid[:512, :512]
    with h5py.File(writing, "w") as file:
        pixels = file.create_dataset("picture", (side, side), "u2", chunks=(512, 512))
        for row in range(-(-side // 512)):
            for column in range(-(-side // 512)):
                waves = 2000 * (2 + np.sin(row / 9) + np.cos(column / 7))
                chunk = noise + np.uint16(waves) + ((x * (row % 7) + y * (column % 5)) >> 3).astype("u2")
                pixels.id.write_direct_chunk((row * 512, column * 512), chunk.astype("u2").tobytes())
    writing.rename(path)
    return path


def served(name: str, side: int) -> tuple[dict[str, str], str]:
    """The environment of a server of this image, and the image's path."""
    match name:
        case "hdf5":
            path = hdf5_file(side)
            return {"TILED_ZARR_DIRECTORY": str(path.parent)}, f"{path.stem}/picture"
        case "memory":
            return {"TILED_ZARR_TREE": "_images:ramp"}, "picture"
    return {}, f"nested/images/{name}"


def measure(name: str, side: int, server_name: str) -> dict[str, float | None]:
    """All figures of one image, in its own server."""
    environment, path = served(name, side)
    env = {**environment, "TILED_ZARR_PUBLIC": "1", "PYTHONPATH": SOURCES}
    with live.live(env=env, server=server_name) as server:
        url = f"{server.url}/ome-zarr/0.4/{path}"
        image, cold, cold_seconds = asyncio.run(first_view(url))
        _, _, warm_seconds = asyncio.run(first_view(url))
        trace_cold, trace_warm = asyncio.run(walk(image)), asyncio.run(walk(image))
        exact = asyncio.run(exact_after(url)) if name in {"hdf5", "memory"} else None
        return {
            "requests": cold.requests,
            "MB": cold.nbytes / 1e6,
            "first view s": cold_seconds,
            "again s": warm_seconds,
            "cold p50 ms": percentile(trace_cold, 50),
            "cold p95 ms": percentile(trace_cold, 95),
            "aborted": trace_cold.aborted,
            "warm p50 ms": percentile(trace_warm, 50),
            "warm p95 ms": percentile(trace_warm, 95),
            "exact after s": exact,
            "peak MB": _processes.peak(server.pid),
        }


PAGES = {
    "table": ("browser.tables:tree", "explore/long?plot=wave", ("rows", "plot")),
    "explore": ("browser.exploration:tree", "explore/long", ("plot",)),
}
"""The tree that is served, the path of the page, and what it marks: a table of 10^8 rows, a line of 10^7 samples."""
MARKS = ("rows", "plot")
MOMENT = "performance.getEntriesByName('{}')[0]?.startTime"
WARM = 5


def measure_page(name: str, server_name: str) -> dict[str, float | None]:
    """Seconds to what a page marks, cold, and the medians of WARM times warm."""
    from browser import tables
    from browser.driving import show

    tree, path, marks = PAGES[name]
    tables.long_file()
    tests = str(Path(tables.__file__).parents[1])
    env = {"TILED_ZARR_TREE": tree, "TILED_ZARR_PUBLIC": "1", "PYTHONPATH": os.pathsep.join([SOURCES, tests])}
    with tempfile.TemporaryDirectory() as folder, live.live(env=env, server=server_name) as server:
        screenshot = Path(folder) / "page.png"
        show(f"{server.url}/healthz", screenshot)  # so that Chromium runs

        def moments() -> dict[str, float]:
            actions = [action for mark in map(MOMENT.format, marks) for action in (("until", mark), ("value", mark))]
            said = show(f"{server.url}/{path}", screenshot, actions=actions).said
            return {mark: float(milliseconds) / 1000 for mark, milliseconds in zip(marks, said, strict=True)}

        cold = moments()
        warm = [moments() for _ in range(WARM)]
    return {
        f"{mark} {when} s": statistics.median(times[mark] for times in loads) if mark in marks else None
        for when, loads in (("cold", [cold]), ("warm", warm))
        for mark in MARKS
    }


def percentile(answers: Answers, percent: int) -> float:
    return statistics.quantiles(answers.milliseconds, n=100)[percent - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs="+", default=["big_image", "gigapixel", "memory", "hdf5"])
    parser.add_argument("--side", type=int, default=100_000, help="rows and columns of the file")
    parser.add_argument("--server", default="uvicorn")
    parser.add_argument("--quick", action="store_true", help="only the images that need no large file")
    parser.add_argument("--pages", nargs="+", default=[], choices=PAGES, help="measure these pages in Chromium instead of images")
    options = parser.parse_args()
    for name in options.pages:
        seconds = measure_page(name, options.server)
        print(f"{name:10} {'  '.join(f'{what} {value:.3f}' for what, value in seconds.items() if value is not None)}", flush=True)
        _record.append("pages", {"page": name, **seconds})
    if options.pages:
        return
    for name in QUICK_IMAGES if options.quick else options.images:
        figures = measure(name, options.side, options.server)
        shown = "  ".join(f"{what} {'-' if value is None else f'{value:.4g}'}" for what, value in figures.items())
        print(f"{name:10} {shown}", flush=True)
        _record.append("viewer", {"image": name, "side": options.side, **figures})


if __name__ == "__main__":
    main()
