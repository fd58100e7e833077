"""A run of the suites fails if anything of it did not run, and says what."""

from __future__ import annotations

from pathlib import Path

import pytest

import suites
from suites import ALONE, SUITES, Runner, Suite

pytestmark = pytest.mark.slow

MARKS = "[pytest]\nmarkers =\n    alone: x\n    slow: x\n"
GOOD = "def test_good(): pass\n"
BAD = "def test_bad(): assert 'this' == 'that'\n"
SKIPPED = "import pytest\ndef test_skipped(): pytest.skip('no time')\n"
SLOW = "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\n"
LATE = "import pytest\n@pytest.mark.alone\ndef test_late(): pass\n"
BUSY = "import subprocess, sys\ndef test_busy(): subprocess.run([sys.executable, '-c', {code!r}], check=True)\n"
CRASH = "import os\ndef test_crash(): os._exit(0)\n"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two suites that pass, one inside the other, and a test that runs alone."""
    # they take longer to import than the tests to run
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(suites, "ROOT", tmp_path)
    monkeypatch.setattr(suites, "SUITES", {"inner": Suite("tests/inner", is_quick=False), "outer": Suite("tests")})
    (tmp_path / "pytest.ini").write_text(f"{MARKS}testpaths = tests\n")
    write(tmp_path, "inner/test_one.py", GOOD)
    write(tmp_path, "test_two.py", GOOD)
    write(tmp_path, "test_late.py", LATE)
    return tmp_path


def write(house: Path, name: str, text: str) -> None:
    file = house / "tests" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def faults(house: Path, *names: str, may_skip: bool = True, **how: bool) -> list[str]:
    """What is wrong with a run of these suites, or of all."""
    logs = house / "logs"
    logs.mkdir()
    everything = [*suites.SUITES, ALONE]
    return suites.run_all(Runner(logs, **how), list(names) or everything, 2, may_skip=may_skip)


def test_what_passes_has_a_line_for_each_suite(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert faults(house) == []
    lines = sorted(line.split()[:3] for line in capfd.readouterr().out.splitlines())
    assert lines == [["alone", "1", "tests"], ["inner", "1", "tests"], ["outer", "1", "tests"]]


def test_the_processor_seconds_of_a_suite_include_those_of_its_programs(house: Path) -> None:
    write(house, "inner/test_more.py", BUSY.format(code="import time\nwhile time.process_time() < 2: pass"))
    (house / "logs").mkdir()
    assert Runner(house / "logs").run("inner").processor > 2


def test_a_suite_that_hangs_is_killed(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "MOST_SECONDS", 0.1)
    assert faults(house, "inner") == ["inner: FAILED, exit code -9"]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("inner/test_more.py", BAD, "inner: FAILED, exit code 1"),
        ("inner/test_one.py", "", "inner: FAILED, exit code 5"),
        ("inner/test_more.py", "import nothing_like_it\n", "inner: FAILED, exit code 2"),
        ("inner/test_more.py", CRASH, "inner: FAILED, no test ran"),
        ("test_late.py", LATE.replace("pass", "assert 0"), "alone: FAILED, exit code 1"),
    ],
    ids=["fails", "is empty", "cannot be imported", "ends without a report", "fails alone"],
)
def test_a_suite_that(house: Path, name: str, text: str, fault: str) -> None:
    write(house, name, text)
    assert fault in faults(house)


def test_a_failure_is_shown_in_full(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(house, "inner/test_more.py", BAD)
    assert faults(house, "inner") == ["inner: FAILED, exit code 1"]
    assert "AssertionError: assert 'this' == 'that'" in capfd.readouterr().out


def test_a_test_that_no_suite_runs(house: Path) -> None:
    """Its mark is spelled so that the search for files with such tests does not see it."""
    write(house, "test_more_late.py", LATE.replace("@pytest.mark.alone", "@getattr(pytest.mark, 'alone')"))
    [fault] = faults(house)
    assert fault.startswith("the suites ran 3 tests and pytest finds 4")


def test_what_is_skipped_is_reported(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(house, "inner/test_more.py", SKIPPED)
    assert faults(house, "inner") == []
    assert "test_skipped: no time" in capfd.readouterr().out


@pytest.mark.parametrize(("reason", "fault"), [("no time", ["inner: FAILED, 1 skipped"]), (suites.DENIED[0], [])], ids=["lack", "right"])
def test_what_is_skipped_in_ci_fails_unless_a_machine_may_deny_it(house: Path, reason: str, fault: list[str]) -> None:
    write(house, "inner/test_more.py", SKIPPED.replace("no time", reason))
    assert faults(house, "inner", may_skip=False) == fault


def test_a_quick_run_leaves_out_what_is_slow(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(house, "test_slow.py", SLOW)
    assert faults(house, "outer", is_quick=True) == []
    assert capfd.readouterr().out.split()[:2] == ["outer", "1"]


@pytest.mark.parametrize("measures_coverage", [True, False])
def test_another_run_has_what_is_slow(house: Path, capfd: pytest.CaptureFixture[str], *, measures_coverage: bool) -> None:
    write(house, "test_slow.py", SLOW)
    assert faults(house, "outer", measures_coverage=measures_coverage) == []
    assert capfd.readouterr().out.split()[:2] == ["outer", "2"]
    assert bool(list((house / "logs").glob(".coverage*"))) == measures_coverage


def test_who_is_alone_runs_last(house: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(suites.SUITES, "inner", Suite("tests/inner", is_alone=True))
    assert faults(house) == []
    first, *last = (line.split()[0] for line in capfd.readouterr().out.splitlines())
    assert (first, set(last)) == ("outer", {"inner", "alone"})


def test_suites_have_folders_with_tests() -> None:
    """Tests without their own suite belong to that of the folder above, so none is left out."""
    assert {suite.folder for suite in SUITES.values()} >= {"tests", "python/tiled_zarr"}
    for suite in SUITES.values():
        assert any((suites.ROOT / suite.folder).rglob("*.py")), suite.folder
