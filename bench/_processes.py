"""What a server costs: processor time and memory of a process and all that it has started, as Linux counts them (proc(5))."""

from __future__ import annotations

import time
from pathlib import Path

MEBIBYTE = 1024**2


def processor_seconds(pid: int) -> float:
    """Processor time of a process tree so far, by clocks that count nanoseconds; /proc counts hundredths of a second."""
    return sum(time.clock_gettime(_clock(process)) for process in tree(pid))


def peak(pid: int) -> float:
    """The most resident memory, in MiB, that any one process of a tree has had: limits are per process."""
    return max(_kibibytes(process, "VmHWM") for process in tree(pid)) / 1024


def resident(pid: int) -> float:
    """The resident memory, in MiB, of the largest process of a tree at this moment."""
    return max(_kibibytes(process, "VmRSS") for process in tree(pid)) / 1024


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    children = [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]
    return [pid, *(process for child in children for process in tree(child))]


def _clock(pid: int) -> int:
    """The clock of all threads of a process, as clock_getcpuclockid(3) makes it."""
    return ~pid << 3 | 2


def _kibibytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
