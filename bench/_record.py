"""Keeps results: each line that a benchmark prints becomes a row of bench/record/<name>.csv."""

from __future__ import annotations

import csv
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent / "record"


def append(name: str, figures: Mapping[str, object], packages: Iterable[str] = ()) -> None:
    """Add a row of figures, with the date, machine, versions and command.

    Raises ValueError if the file has other columns.
    """
    row = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "versions": versions(packages),
        "command": shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        **{column: spelled(value) for column, value in figures.items()},
    }
    path = FOLDER / f"{name}.csv"
    FOLDER.mkdir(exist_ok=True)
    is_new = not path.exists()
    if not is_new and (columns := path.read_text().partition("\n")[0]) != ",".join(row):
        raise ValueError(f"{path} has the columns {columns} and the row has {','.join(row)}: move the file away, or keep its columns")
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def spelled(value: object) -> str:
    """A figure with five significant digits; empty for None."""
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def machine() -> str:
    """The name of the processor, and its number of cores."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name}, {os.cpu_count()} cores"


def versions(packages: Iterable[str] = ()) -> str:
    """The versions of Python, of this package, of numpy and of `packages`."""
    return " ".join([f"python={platform.python_version()}", *(f"{name}={version(name)}" for name in ("tiled-zarr", "numpy", *packages))])
