from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from tiled_zarr.adapters.common.decoded import Decoded
from tiled_zarr.adapters.common.snapshot import Snapshot


@pytest.fixture
def snapshot(tmp_path):
    (tmp_path / "file").write_text("content")
    return Snapshot.of(tmp_path / "file")


def test_many_askers_wait_for_one_decoding(snapshot):
    decoded, started, go = Decoded(), Event(), Event()
    calls = []

    def decode():
        calls.append(1)
        started.set()
        go.wait(10)
        return np.arange(3)

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(decoded.get, snapshot, 0, decode) for _ in range(8)]
        started.wait(10)
        go.set()
        blocks = [job.result() for job in jobs]
    assert len(calls) == 1
    assert all(block is blocks[0] for block in blocks)


def test_a_failure_is_not_kept(snapshot):
    decoded = Decoded()
    with pytest.raises(ZeroDivisionError):
        decoded.get(snapshot, 0, lambda: 1 / 0)
    assert decoded.get(snapshot, 0, lambda: np.arange(3)).tolist() == [0, 1, 2]


def test_the_last_used_stay_within_the_bound(snapshot):
    decoded = Decoded(max_bytes=100)
    made = []

    def get(part):
        return decoded.get(snapshot, part, lambda: made.append(part) or np.zeros(40, "u1"))

    for part in (0, 1, 0, 2, 0, 1):
        get(part)
    assert made == [0, 1, 2, 1]
    assert decoded.nbytes == 80


def test_blocks_are_read_only(snapshot):
    with pytest.raises(ValueError, match="read-only"):
        Decoded().get(snapshot, 0, lambda: np.zeros(3))[0] = 1


def test_another_file_by_now_raises(snapshot, tmp_path):
    decoded = Decoded()
    decoded.get(snapshot, 0, lambda: np.zeros(3))
    (tmp_path / "file").write_text("other content")
    with pytest.raises(OSError, match="changed"):
        decoded.get(snapshot, 0, lambda: np.zeros(3))
