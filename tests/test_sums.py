"""The metrics of several workers as those of one server."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from tiled_zarr import sums
from tiled_zarr.sums import SUFFIX, Sums

MINE = """# HELP hits_total Hits.
# TYPE hits_total counter
hits_total{tier="memory"} 3
hits_total{tier="redis"} 1
# HELP bytes Held.
# TYPE bytes gauge
bytes 10
# HELP seconds Seconds.
# TYPE seconds histogram
seconds_bucket{le="0.5"} 1
seconds_bucket{le="+Inf"} 2
seconds_sum 0.75
seconds_count 2
"""
OTHERS = """# HELP hits_total Hits.
# TYPE hits_total counter
hits_total{tier="memory"} 4
hits_total{tier="folder"} 2
# HELP bytes Held.
# TYPE bytes gauge
bytes 5
# HELP seconds Seconds.
# TYPE seconds histogram
seconds_bucket{le="0.5"} 10
seconds_bucket{le="+Inf"} 20
seconds_sum 1.5
seconds_count 20
# HELP late_total Only there.
# TYPE late_total counter
late_total 1
"""
BOTH = """# HELP hits_total Hits.
# TYPE hits_total counter
hits_total{tier="memory"} 7
hits_total{tier="redis"} 1
hits_total{tier="folder"} 2
# HELP bytes Held.
# TYPE bytes gauge
bytes %d
# HELP seconds Seconds.
# TYPE seconds histogram
seconds_bucket{le="0.5"} 11
seconds_bucket{le="+Inf"} 22
seconds_sum 2.25
seconds_count 22
# HELP late_total Only there.
# TYPE late_total counter
late_total 1
"""


def test_series_are_added_one_by_one(tmp_path: Path) -> None:
    (tmp_path / f"{os.getppid()}{SUFFIX}").write_text(OTHERS)
    assert Sums(tmp_path).added(MINE) == BOTH % 15


def test_a_dead_worker_leaves_its_counters_and_no_gauges(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"{dead.pid}{SUFFIX}").write_text(OTHERS)
    assert Sums(tmp_path).added(MINE) == BOTH % 10


def test_a_worker_alone_has_its_own(tmp_path: Path) -> None:
    alone = Sums(tmp_path)
    assert alone.added(MINE) == alone.added(MINE) == MINE
    assert Sums(tmp_path / "gone").added(MINE) == MINE


def test_the_last_numbers_are_written_at_the_end(tmp_path: Path) -> None:
    async def run() -> None:
        task = asyncio.ensure_future(Sums(tmp_path).keep_writing(lambda: MINE))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert (tmp_path / f"{os.getpid()}{SUFFIX}").read_text() == MINE


def test_one_worker_needs_no_folder() -> None:
    with sums.shared(1):
        assert sums.of_environment() is None
    with sums.shared(2):
        found = sums.of_environment()
        assert found is not None
        assert found.folder.is_dir()
    assert not found.folder.exists()
    assert sums.of_environment() is None
