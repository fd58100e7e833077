"""How long a slot waits, when the supervisor gives up, and what of a worker is heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tiled_zarr.cli import supervisor
from tiled_zarr.cli.processes import READY, Child, described
from tiled_zarr.cli.supervisor import ATTEMPTS, LONGEST_DELAY, STEADY, Slot

from .conftest import PATIENCE, gone, until

RUN = """
import os, pathlib, signal, sys, time
from tiled_zarr.cli import supervisor
from tiled_zarr.cli.servers import listen
supervisor.FIRST_DELAY = supervisor.LONGEST_DELAY = 0.01

starts = pathlib.Path(sys.argv[1])

def started():
    print("started", flush=True)
    starts.with_name("serves").touch()

def serve(report):
    report("")
    while not starts.with_name("serves").exists():
        time.sleep(0.01)

def run(report):
    with starts.open("a") as log:
        log.write("x")
    return work(report, len(starts.read_text()))

{work}

crew = supervisor.Crew(lambda _: run, seconds=5, handover=5)
say = lambda text: print(text, flush=True)
sys.exit(supervisor.Supervisor(lambda: crew, 1, listen("127.0.0.1", 0), say).run(started))
"""
NEVER_AGAIN = """
def work(report, start):
    if start > 1:
        report("no such sample")
        return 1
    serve(report)
    return 7
"""
AGAIN_AND_AGAIN = """
def work(report, start):
    if start > 30:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        report("")
        starts.with_name("steady").touch()
        time.sleep(1000)
    serve(report)
    os.abort()
"""
NEVER = """
def work(report, start):
    report("no such sample")
    return 1
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def started(folder: Path, work: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN.format(work=work), str(folder / "starts")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def died(slot: Slot, clock: list[float], *, age: float, is_ready: bool) -> float:
    """The seconds until a slot's next start, after its worker has died."""
    slot.child = Child(1, -1)
    slot.child.text = READY if is_ready else b"no such sample"
    clock[0] += age
    slot.bury()
    assert slot.restart_at is not None
    return slot.restart_at - clock[0]


def test_a_worker_that_dies_early_is_started_later_each_time(clock: list[float]) -> None:
    slot = Slot()
    assert [died(slot, clock, age=1, is_ready=True) for _ in range(8)] == [0, 0.5, 1, 2, 4, 8, 16, LONGEST_DELAY]
    assert slot.failed_starts == 0
    assert died(slot, clock, age=STEADY, is_ready=True) == 0
    assert died(slot, clock, age=STEADY, is_ready=False) == 0
    assert (slot.failed_starts, slot.early_deaths) == (1, 1)


def test_it_gives_up_when_no_worker_can_be_started_again(tmp_path: Path) -> None:
    process = started(tmp_path, NEVER_AGAIN)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == supervisor.KEEP_DYING == 3
    assert (tmp_path / "starts").read_text() == "x" * (1 + ATTEMPTS)
    first, second, *_, last = printed.splitlines()
    assert first == "started"
    assert second.endswith("ended with exit code 7; another starts")
    assert last.endswith(f"no such sample; {ATTEMPTS} starts in a row have failed: giving up")


def test_it_does_not_give_up_on_workers_that_serve_for_a_while(tmp_path: Path) -> None:
    process = started(tmp_path, AGAIN_AND_AGAIN)
    until((tmp_path / "steady").exists)
    process.terminate()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert printed.count("was killed by SIGABRT; another starts") == 30


def test_a_first_worker_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    process = started(tmp_path, NEVER)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert printed.endswith("tiled_zarr.cli.supervisor.CannotStart: no such sample\n")
    assert (tmp_path / "starts").read_text() == "x"


def test_reports_are_read_in_parts() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    child = Child(1, reading)
    assert child.hear()
    assert not child.is_ready
    os.write(writing, READY)
    assert child.hear()
    assert child.is_ready
    os.write(writing, "später nicht".encode())
    os.close(writing)
    assert not child.hear()
    assert (child.is_ready, child.message) == (True, "später nicht")
    os.close(reading)


def test_a_child_that_nobody_hears_ends() -> None:
    """What ends workers with their supervisor where the kernel does not."""
    reading, writing = os.pipe()
    code = f"from tiled_zarr.cli.processes import end_unheard; print('waits', flush=True); end_unheard({writing})"
    with subprocess.Popen([sys.executable, "-c", code], pass_fds=[writing], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        assert not gone(process.pid)
        os.close(reading)
        assert process.wait(PATIENCE) == 1
    os.close(writing)


@pytest.mark.parametrize(("status", "text"), [(signal.SIGSEGV, "was killed by SIGSEGV"), (3 << 8, "ended with exit code 3")])
def test_an_end_is_described(status: int, text: str) -> None:
    assert described(status) == text
