"""Divides the memory that a server may use among its pools.

Without the setting `memory`, all workers together may use SHARE of the memory of the machine or
the control group, whichever is less, and each worker at most the defaults of its pools
(resources.Sizes, 2.5 GiB). The operator has to ask for more, since other programs, and the system's
cache of files, need memory on the same machine. The remaining third is for Python and its libraries
(150 to 300 MB a worker), for the helpers that read HDF5 (55 MB each, and up to 64 MB more of
chunks), and for bodies that are being sent. With a share below two thirds, a machine of 4 GiB (of
which the kernel shows 3.8) could not have all pools at their defaults.

Every pool gets a part of the whole, in proportion to its default, unless its own setting gives its
size. With `memory`, the pools without a setting of their own share what the others leave.
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
"""Bytes, the smallest value of `memory`.

With less, a request could not decode one chunk of 8 MiB and the source's chunks for it."""
LEVELS = "levels"


def sizes(memory: int | None, given: Mapping[str, int], workers: int = 1, available: int | None = None) -> Sizes:
    """The pools of each worker, in bytes: the `given` sizes, and the others in proportion.

    `memory` and `available` are bytes for all workers together. Raises ValueError if the given
    pools take more than a worker's part of `memory`.
    """
    parts = asdict(Sizes())
    if memory is None:
        scale = 1.0 if available is None else min(1.0, SHARE * available / workers / sum(parts.values()))
        return Sizes(**{name: given.get(name, int(scale * part)) for name, part in parts.items()})
    rest = memory // workers - sum(given.values())
    if rest < 0:
        each = f" for each of {workers} workers" if workers > 1 else ""
        raise ValueError(f"{memory // workers:,} bytes{each} are less than the sizes that are set for single pools: {named(given)}")
    free = sum(part for name, part in parts.items() if name not in given)
    return Sizes(**{name: given.get(name, rest * part // max(free, 1)) for name, part in parts.items()})


def named(given: Mapping[str, int]) -> str:
    """Pools with their sizes, as text for an error."""
    return ", ".join(f"{name} {size:,}" for name, size in given.items())


def available(root: Path = Path("/")) -> int | None:
    """Bytes of memory that this process may use, at most; None if unknown."""
    return min((*of_machine(), *of_groups(root)), default=None)


def of_machine() -> Iterator[int]:
    """Bytes of the machine's memory; nothing if the system does not say."""
    with suppress(AttributeError, ValueError, OSError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def of_groups(root: Path) -> Iterator[int]:
    """The limits in bytes of this process's control group and all above it, cgroup v1 and v2.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files,
    https://docs.kernel.org/admin-guide/cgroup-v1/memory.html. In a container the group's
    path may be that of the host; its files are then in the root of the mount, which is read too.
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
    """The numbers in files of a group and of all groups above it; "max" is skipped."""
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
