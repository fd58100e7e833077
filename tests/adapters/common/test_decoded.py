from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from tiled_zarr.adapters.common.decoded import piece
from tiled_zarr.adapters.common.snapshot import Snapshot
from tiled_zarr.caches.recent import Recent
from tiled_zarr.resources import nbytes_of


def pool(most=10**6):
    return Recent(most, nbytes_of, keeps_large=True)


@pytest.fixture
def snapshot(tmp_path):
    (tmp_path / "file").write_text("content")
    return Snapshot.of(tmp_path / "file")


def test_many_askers_wait_for_one_decoding(snapshot):
    decoded, started, go = pool(), Event(), Event()
    calls = []

    def decode():
        calls.append(1)
        started.set()
        go.wait(10)
        return np.arange(3)

    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(piece, decoded, snapshot, 0, decode) for _ in range(8)]
        started.wait(10)
        go.set()
        blocks = [job.result() for job in jobs]
    assert len(calls) == 1
    assert all(block is blocks[0] for block in blocks)


def test_a_failure_is_not_kept(snapshot):
    decoded = pool()
    with pytest.raises(ZeroDivisionError):
        piece(decoded, snapshot, 0, lambda: 1 / 0)
    assert piece(decoded, snapshot, 0, lambda: np.arange(3)).tolist() == [0, 1, 2]


def test_the_last_used_stay_within_the_bound(snapshot):
    decoded = pool(100)
    made = []

    def get(part):
        return piece(decoded, snapshot, part, lambda: made.append(part) or np.zeros(40, "u1"))

    for part in (0, 1, 0, 2, 0, 1):
        get(part)
    assert made == [0, 1, 2, 1]
    assert decoded.total == 80


def test_blocks_are_read_only(snapshot):
    with pytest.raises(ValueError, match="read-only"):
        piece(pool(), snapshot, 0, lambda: np.zeros(3))[0] = 1


def test_another_file_by_now_raises(snapshot, tmp_path):
    decoded = pool()
    piece(decoded, snapshot, 0, lambda: np.zeros(3))
    (tmp_path / "file").write_text("other content")
    with pytest.raises(OSError, match="changed"):
        piece(decoded, snapshot, 0, lambda: np.zeros(3))
