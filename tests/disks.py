"""Small file systems, for what happens when a disk is full, read-only or gone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, nbytes: int) -> Iterator[Path]:
    """Mount a file system of this many bytes at a folder.

    If we may not mount, the test is skipped with a message; in CI, as root, it fails.
    """
    path.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={nbytes}", "none", str(path)], capture_output=True, text=True, check=False, timeout=30
    )
    if mounted.returncode:
        why = f"a full disk is NOT TESTED: a small file system cannot be mounted here: {mounted.stderr.strip()}"
        if os.environ.get("CI") and may_mount():
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True, timeout=30)


def may_mount() -> bool:
    """Whether this process is root with the right to mount (CAP_SYS_ADMIN, bit 21)."""
    status = Path("/proc/self/status").read_text()
    [effective] = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return os.geteuid() == 0 and bool(int(effective, 16) >> 21 & 1)


def remount_read_only(path: Path) -> None:
    """Let nobody write to a mounted file system any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True, timeout=30)
