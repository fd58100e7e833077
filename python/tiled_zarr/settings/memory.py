"""How much memory a server may take, and how its pools share it.

Without the setting `memory`, all workers together may take SHARE of what the machine or the
control group has, whichever is less, and each at most what the pools take by default
(resources.Sizes, 2.5 GiB): more of it is for the operator to say, since other programs, and the
system's cache of files, live on the same machine. A third is left to Python and its libraries
(150 to 300 MB a worker), to the helpers that read HDF5 (55 MB each, up to 64 more of chunks),
and to bodies on their way to clients. Two thirds is the least share at which a machine of 4 GiB
(of which the kernel shows 3.8) has all pools at their defaults.

Every pool has its part of the whole, in the proportions of the defaults, unless its own setting
says how large it is. With `memory`, the pools that say nothing share what the others leave.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ..resources import Sizes

SHARE = 2 / 3
LEAST = 64 * 1024 * 1024
"""Bytes: with less, a request could not decode one chunk of 8 MiB and its source's."""
LEVELS = "levels"


def sizes(memory: int | None, given: Mapping[str, int], workers: int = 1, available: int | None = None) -> Sizes:
    """The pools of each of some workers: those that are `given`, and the others by their parts.

    `available` is what there is for all workers. Raises ValueError if the given pools take more
    than `memory`.
    """
    parts = asdict(Sizes())
    if memory is None:
        scale = 1.0 if available is None else min(1.0, SHARE * available / workers / sum(parts.values()))
        return Sizes(**{name: given.get(name, int(scale * part)) for name, part in parts.items()})
    rest = memory // workers - sum(given.values())
    if rest < 0:
        each = f" for each of {workers} workers" if workers > 1 else ""
        raise ValueError(f"{memory // workers:,} bytes{each} are less than the pools take that have sizes of their own: {named(given)}")
    free = sum(part for name, part in parts.items() if name not in given)
    return Sizes(**{name: given.get(name, rest * part // max(free, 1)) for name, part in parts.items()})


def named(given: Mapping[str, int]) -> str:
    """Pools with their sizes, in words."""
    return ", ".join(f"{name} {size:,}" for name, size in given.items())


def available(root: Path = Path("/")) -> int | None:
    """Bytes that this process may have at most; None if nobody can tell."""
    return min((*of_machine(), *of_groups(root)), default=None)


def of_machine() -> Iterator[int]:
    """Bytes of the machine's memory, if the system tells."""
    with suppress(AttributeError, ValueError, OSError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def of_groups(root: Path) -> Iterator[int]:
    """The limits of the control group of this process and of all above it, in both versions.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files,
    https://docs.kernel.org/admin-guide/cgroup-v1/memory.html. In a container the group's path may be that of the host, and its
    files are then those of the mount itself, which is looked at too.
    """
    mounted = root / "sys/fs/cgroup"
    for line in lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            yield from upwards(mounted, path, ("memory.max", "memory.high"))
        elif "memory" in controllers.split(","):
            yield from upwards(mounted / "memory", path, ("memory.limit_in_bytes",))


def upwards(mounted: Path, path: str, files: tuple[str, ...]) -> Iterator[int]:
    """The numbers in files of a group and of those above it; "max" is none."""
    group = mounted / path.strip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(mounted):
            return
        for name in files:
            yield from (int(line) for line in lines(folder / name) if line.isdigit())


def lines(path: Path) -> list[str]:
    """The lines of a file; none if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
