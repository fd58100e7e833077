"""Helper processes that hang, crash and are killed, and calls that go on all the same."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from tiled_zarr.helpers import pool as pools
from tiled_zarr.helpers import verdicts
from tiled_zarr.helpers.pool import NoAnswer, Pool
from tiled_zarr.nodes import Busy, Damaged, Unavailable

pytestmark = pytest.mark.slow

FUNCTIONS = "helpers.functions"
LONG = 60.0
SHORT = 0.5


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(FUNCTIONS, "test")
    yield made
    made.close()


def ask(pool: Pool, name: str, *arguments: Any, path: str = "/a", revision: str = "1", seconds: float = LONG) -> Any:
    return pool.call(path, revision, name, arguments, seconds)


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_there_is_no_helper_without_a_call(pool: Pool) -> None:
    assert pool.pids == []
    ask(pool, "pid")
    assert len(pool.pids) == 1


VALUES = [None, "text", b"\0" * 3_000_000, ("a", 1, {"b": slice(1, 2)}), [np.float64(2)]]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_go_there_and_back(pool: Pool, value: Any) -> None:
    assert ask(pool, "echo", value) == value


def test_blocks_go_there_and_back(pool: Pool) -> None:
    np.testing.assert_array_equal(ask(pool, "block", (300, 700)), np.arange(210_000).reshape(300, 700).T)
    np.testing.assert_array_equal(ask(pool, "echo", np.arange(10**6)[::3]), np.arange(10**6)[::3])


ERRORS = {"key": (KeyError, "x"), "os": (FileNotFoundError, "gone"), "unavailable": (Unavailable, "why"), "odd": (OSError, "Odd: 1 and 2")}


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_come_back(pool: Pool, kind: str) -> None:
    error, text = ERRORS[kind]
    with pytest.raises(error, match=text):
        ask(pool, "fail", kind)
    assert ask(pool, "echo", 1) == 1
    assert len(pool.pids) == 1


def test_what_cannot_be_told_is_an_error(pool: Pool) -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        ask(pool, "unpicklable")
    assert ask(pool, "echo", 1) == 1


def test_a_hang_ends_at_its_deadline_and_is_not_tried_again(pool: Pool) -> None:
    first = ask(pool, "pid")
    with pytest.raises(NoAnswer, match=r"did not answer within 0\.5 seconds on 'bad', which is not opened again"):
        ask(pool, "loop", path="/data/bad", seconds=SHORT)
    until(lambda: not is_running(first))
    with pytest.raises(TimeoutError, match="not opened again for a while"):
        ask(pool, "echo", 1, path="/data/bad")
    assert pool.ended == {"late": 1, "died": 0}
    assert ask(pool, "echo", 1) == 1


def test_a_file_that_changes_is_tried_again(pool: Pool) -> None:
    with pytest.raises(NoAnswer):
        ask(pool, "loop", seconds=SHORT)
    assert ask(pool, "echo", 1, revision="2") == 1
    assert ask(pool, "echo", 1, revision="1") == 1


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(verdicts.time, "monotonic", lambda: now)
    kept = verdicts.Verdicts(most=2)
    for pause in (60, 120, 240, 480, 960, 1920, 3600, 3600):
        kept.condemn("a", "1", lambda: OSError("bad"))
        now += pause - 1
        with pytest.raises(OSError, match="bad"):
            kept.check("a", "1")
        now += 1
        assert kept.check("a", "1"), "one may try"
        with pytest.raises(OSError, match="bad"):
            kept.check("a", "1")
    kept.settle("a")
    assert not kept.check("a", "1")
    kept.condemn("a", "1", lambda: OSError("bad"))
    now += 3599
    with pytest.raises(OSError, match="bad"):
        kept.check("a", "1")
    for path in ("b", "c"):
        kept.condemn(path, "1", lambda: OSError("bad"))
    assert not kept.check("a", "1"), "only the last ones are kept"


def test_a_crash_is_answered_by_another_helper(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "once").touch()
    assert ask(pool, "crash", str(tmp_path / "once")) == "fine"
    assert pool.ended == {"late": 0, "died": 1}


def test_two_crashes_condemn_the_file(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "always").touch()
    with pytest.raises(Damaged, match=r"the test library crashed \(SIGSEGV\) on 'bad'"):
        ask(pool, "crash", str(tmp_path / "always"), path="/bad")
    with pytest.raises(Damaged, match="not opened again for a while"):
        ask(pool, "echo", 1, path="/bad")
    assert pool.ended == {"late": 0, "died": 2}
    assert ask(pool, "echo", 1, path="/good") == 1


def test_a_hang_does_not_delay_its_neighbours(pool: Pool, tmp_path: Path) -> None:
    """Two calls wait for a file that only comes when the neighbours have been answered."""
    go = tmp_path / "go"
    with ThreadPoolExecutor(2) as threads:
        stuck = [threads.submit(ask, pool, "wait_for", str(go), path="/bad") for _ in range(2)]
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        assert [ask(pool, "echo", number, path=f"/{number}") for number in range(5)] == list(range(5))
        with pytest.raises(Busy, match="busy"):
            ask(pool, "echo", 1, path="/bad", seconds=SHORT)
        go.touch()
        assert len({one.result(LONG) for one in stuck}) == 2


def test_one_caller_after_the_other_gets_the_same_helper(pool: Pool) -> None:
    assert len({ask(pool, "pid", path=f"/{number}") for number in range(40)}) == 1


def test_a_file_goes_to_the_helper_that_has_it_open(pool: Pool, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(ask, pool, "wait_for", str(tmp_path / "go"), path=path) for path in ("/a", "/b")]
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        (tmp_path / "go").touch()
        known = {path: int(one.result(LONG)) for path, one in zip(("/a", "/b"), waiting, strict=True)}
    for path in ("/a", "/b", "/b", "/a", "/a", "/b"):
        assert ask(pool, "pid", path=path) == known[path]


def test_helpers_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "STUCK", 0.05)
    pool = Pool(FUNCTIONS, "test", usual=1, most=3)
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(ask, pool, "wait_for", str(tmp_path / "go"), path=f"/{number}") for number in range(8)]
        until(lambda: len(list(tmp_path.iterdir())) == 3)
        with pytest.raises(Busy, match="all 3 helper processes for the test library are busy"):
            ask(pool, "echo", 1, seconds=SHORT)
        assert len(pool.pids) == 3
        (tmp_path / "go").touch()
        assert len({one.result(LONG) for one in waiting}) <= 3
    pool.close()


def test_a_helper_that_somebody_has_killed_is_replaced(pool: Pool) -> None:
    first = ask(pool, "pid")
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_running(first))
    assert ask(pool, "pid") != first
    assert pool.ended == {"late": 0, "died": 0}


def test_signals_for_the_server_do_not_end_helpers(pool: Pool) -> None:
    first = ask(pool, "pid")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(first, number)
    assert ask(pool, "pid") == first


def test_a_helper_outlives_the_thread_that_started_it(pool: Pool) -> None:
    found: list[int] = []
    thread = Thread(target=lambda: found.append(ask(pool, "pid")))
    thread.start()
    thread.join()
    assert ask(pool, "pid") == found[0]


def test_a_helper_gets_no_descriptor_but_its_own(pool: Pool) -> None:
    with socket.socket() as listener:
        listener.set_inheritable(True)
        listener.listen()
        kinds = [name.partition(":")[0] for name in ask(pool, "descriptors")]
    assert kinds.count("socket") == 1
    assert kinds.count("pipe") <= 2, "standard input, and perhaps standard error"


def test_memory_is_bounded(pool: Pool) -> None:
    with pytest.raises(MemoryError):
        ask(pool, "allocate", 3 * 1024**3)
    assert ask(pool, "allocate", 1024) == 1024


def test_closing_ends_calls(pool: Pool, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, pool, "wait_for", str(tmp_path / "go"))
        first = int(until(lambda: [path.suffix[1:] for path in tmp_path.iterdir()])[0])
        pool.close()
        assert isinstance(waiting.exception(LONG), ConnectionError)
        until(lambda: not is_running(first))
    with pytest.raises(ConnectionError, match="shutting down"):
        ask(pool, "pid")


def test_a_fork_has_helpers_of_its_own(pool: Pool) -> None:
    first = ask(pool, "pid")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(ask(pool, "pid")).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        second = int(answer.read())
    assert second != first
    until(lambda: not is_running(second))
    assert ask(pool, "pid") == first


SERVER = """
import sys, threading, time
from tiled_zarr.helpers.pool import Pool
pool = Pool("helpers.functions", "test")
pool.call("/a", "1", "pid", (), 60)
threading.Thread(target=pool.call, args=("/a", "1", sys.argv[1], tuple(sys.argv[2:]), 1000), daemon=True).start()
time.sleep(0.5)
print(*pool.pids, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("call", [("loop",), ("echo", "1")], ids=["looping", "idle"])
def test_helpers_end_with_their_server(number: signal.Signals, call: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", SERVER, *call]
    path = os.pathsep.join(map(str, sys.path))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as server:
        assert server.stdout
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 1
        assert all(map(is_running, pids))
        server.send_signal(number)
        server.wait(LONG)
    until(lambda: not any(map(is_running, pids)))
