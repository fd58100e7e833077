"""Adds up the metrics of all workers of one server.

The workers of a server share a folder, whose path they inherit in a variable. Each writes its own
metrics there, as Prometheus text, once in INTERVAL seconds and at its end. The worker that answers
a request for metrics adds its own numbers to those of the others, series by series. Of a worker
that has died it takes counters and histograms, which must never fall, but no gauges.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

VARIABLE = "_TILED_ZARR_METRICS"
"""The variable with the folder. It is no setting."""
INTERVAL = 1.0
"""Seconds after which others see what a worker has counted, at most."""
SUFFIX = ".metrics"


@dataclass(slots=True)
class Family:
    """A metric: the lines before its values, its type, and its series with their values."""

    heading: list[str] = field(default_factory=list)
    kind: str = ""
    series: dict[str, float] = field(default_factory=dict)


class Sums:
    """The metrics of this worker, and of the others that use the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, own: str) -> None:
        """Write this worker's metrics for the others; an error of the disk is ignored."""
        path = self.folder / f"{os.getpid()}{SUFFIX}"
        draft = path.with_suffix(".part")
        with suppress(OSError):
            draft.write_text(own)
            draft.replace(path)

    async def keep_writing(self, own: Callable[[], str]) -> None:
        """Write this worker's metrics again and again, and once more when it is cancelled."""
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                self.write(own())
        finally:
            self.write(own())

    def added(self, own: str) -> str:
        """The metrics of all workers together."""
        self.write(own)
        families: dict[str, Family] = {}
        add(families, own, has_gauges=True)
        with suppress(OSError):
            for path in sorted(self.folder.glob(f"*{SUFFIX}")):
                pid = int(path.stem)
                if pid != os.getpid():
                    add(families, path.read_text(), has_gauges=is_alive(pid))
        return "".join(f"{line}\n" for family in families.values() for line in lines(family))


def of_environment() -> Sums | None:
    """The sums of the server that has started this process; None if it has no other workers."""
    folder = os.environ.get(VARIABLE)
    return None if folder is None else Sums(Path(folder))


@contextmanager
def shared(workers: int) -> Iterator[None]:
    """A context in which processes that start add up their metrics, if they are several."""
    if workers == 1:
        yield
        return
    with TemporaryDirectory(prefix="tiled-zarr-", ignore_cleanup_errors=True) as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[VARIABLE]


def add(families: dict[str, Family], text: str, *, has_gauges: bool) -> None:
    """Add the values in a text to those of the same series."""
    family = Family()
    for line in text.splitlines():
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            family = families.setdefault(name, Family())
            if line not in family.heading:
                family.heading.append(line)
            if word == "TYPE":
                family.kind = rest
        elif has_gauges or family.kind != "gauge":
            series, _, value = line.rpartition(" ")
            family.series[series] = family.series.get(series, 0) + (int(value) if value.isdigit() else float(value))


def lines(family: Family) -> Iterator[str]:
    """A metric in the exposition format."""
    yield from family.heading
    yield from (f"{series} {value}" for series, value in family.series.items())


def is_alive(pid: int) -> bool:
    """Whether a process of this user runs."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
