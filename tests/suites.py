"""Runs the suites of tests side by side, each in its own pytest.

    python tests/suites.py                  all of them
    python tests/suites.py --quick          those that start no server, browser or client
    python tests/suites.py --coverage       all of them, and measure which lines run
    python tests/suites.py http ome         two of them

It runs one suite more at a time than there are processors, since a suite also waits for servers and
browsers; the slowest start first. Tests marked `alone`, and suites that are alone, run last: they
measure memory or time, or wait for deadlines, and leave the processors idle. Each suite writes
`<suite>.log` and `<suite>.xml` into the folder `--logs`; the data of coverage go there too.
Measuring it makes tests inside the process take 1.6 times as long.

Beside the seconds on the clock, which depend on what else runs, the line of a suite has the seconds
of processor that it took, with those of the programs that it started and waited for.

The run fails if a suite fails, ends without a report or runs no test. If the variable CI is set, it
also fails if a test is skipped because something that could be installed is missing. A run of all
suites also fails if the number of tests that ran differs from the number that pytest finds.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "tests"
MOST_SECONDS = 3600
"""A suite that takes longer has hung, and is killed."""
ALONE, COUNT = "alone", "count"
DENIED = (
    "this user reads what is closed to it",
    "a full disk is NOT TESTED",
    "process namespaces are not allowed",
    "NOT TESTED: no Python",
)
"""Reasons to skip that are allowed in CI too: denied rights, and a Python that Debian lacks."""
TAIL = 200
"""Lines of a log that are shown if pytest did not come to its list of failures."""


@dataclass(frozen=True)
class Suite:
    """The tests below a folder, without those of the suites of folders below it.

    A quick run has the suites that are quick, without their tests that are marked `slow`. A suite
    that is alone has deadlines that could pass on a busy machine, so it runs only while no suite
    runs but those that are alone too.
    """

    folder: str
    is_quick: bool = True
    is_alone: bool = False


SUITES = {
    "adapters": Suite("tests/adapters"),
    "top": Suite("tests"),
    "clients": Suite("tests/clients", is_quick=False),
    "tiled": Suite("tests/tiled", is_quick=False),
    "pages": Suite("tests/browser/pages", is_quick=False),
    "browser": Suite("tests/browser", is_quick=False),
    "http": Suite("tests/http"),
    "hostile": Suite("tests/hostile", is_quick=False, is_alone=True),
    **{room: Suite(f"tests/tiled/{room}", is_quick=False) for room in ("config", "catalog", "proxy", "front")},
    "cli": Suite("tests/cli"),
    "ome": Suite("tests/ome"),
    "installing": Suite("tests/installing"),
    "hdf5": Suite("tests/adapters/hdf5"),
    "files": Suite("tests/adapters/files"),
    "common": Suite("tests/adapters/common"),
    "native": Suite("tests/native"),
    "clusters": Suite("tests/clusters", is_quick=False),
    "demo": Suite("tests/demo"),
    "doctests": Suite("python/tiled_zarr"),
}
"""By name, in the order in which they start: the longest first."""


@dataclass(frozen=True)
class Outcome:
    """How the run of a suite ended."""

    name: str
    code: int
    seconds: float
    processor: float
    """Seconds of processor."""
    tests: int
    skipped: tuple[str, ...]
    """The tests that were skipped, each with its reason."""
    log: Path

    def fault(self, *, may_skip: bool) -> str:
        """Why it counts as failed, empty if it does not."""
        if self.code != 0:
            return f"FAILED, exit code {self.code}"
        if self.tests == 0:
            return "FAILED, no test ran"
        if missed := [] if may_skip else [skip for skip in self.skipped if not any(reason in skip for reason in DENIED)]:
            return f"FAILED, {len(missed)} skipped"
        return ""

    def failures(self) -> str:
        """What pytest says of its failures, or the end of the log."""
        text = self.log.read_text(errors="replace")
        found = re.search(r"^=+ (FAILURES|ERRORS) =+$", text, re.MULTILINE)
        return text[found.start() :] if found else "".join(text.splitlines(keepends=True)[-TAIL:])


@dataclass(frozen=True)
class Runner:
    """Runs suites, and puts their logs into a folder."""

    logs: Path
    is_quick: bool = False
    measures_coverage: bool = False

    def run(self, name: str) -> Outcome:
        """Run a suite to its end."""
        log, report = self.logs / f"{name}.log", self.logs / f"{name}.xml"
        environment = {"HYPOTHESIS_PROFILE": "fast", **os.environ} if self.is_quick else dict(os.environ)
        began = time.monotonic()
        with log.open("w") as output:
            command = [*self.pytest(), f"--junit-xml={report}", *self.selection(name)]
            code, processor = ended(command, output.fileno(), environment)
        return Outcome(name, code, time.monotonic() - began, processor, *reported(report), log)

    def pytest(self) -> list[str]:
        covered = ["coverage", "run", f"--data-file={self.logs / '.coverage'}", "-m"] if self.measures_coverage else []
        return [sys.executable, "-m", *covered, "pytest", "-p", "no:cacheprovider"]

    def selection(self, name: str) -> list[str]:
        """The arguments that make pytest run the tests of a suite."""
        if name == ALONE:
            return ["-m", ALONE, *files_with_tests_alone()]
        folder = SUITES[name].folder
        others = [suite.folder for suite in SUITES.values() if suite.folder.startswith(f"{folder}/")]
        return [folder, *(f"--ignore={other}" for other in others), "-m", f"not {ALONE}{' and not slow' if self.is_quick else ''}"]

    def count(self) -> int:
        """How many tests pytest finds by itself; 0 if it fails."""
        log = self.logs / f"{COUNT}.log"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q"]
        with log.open("w") as output:
            code, _ = ended(command, output.fileno(), dict(os.environ))
        found = re.search(r"^(\d+) tests collected", log.read_text(errors="replace"), re.MULTILINE)
        return int(found[1]) if found and code == 0 else 0


def ended(command: list[str], output: int, environment: dict[str, str]) -> tuple[int, float]:
    """The exit code of a command, and the seconds of processor that it took.

    It is killed after `MOST_SECONDS`, and its exit code is then -9. The seconds include those of the
    processes that it started and waited for.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, **streams)
    killer = threading.Timer(MOST_SECONDS, process.kill)
    killer.start()
    _, status, usage = os.wait4(process.pid, 0)
    killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def files_with_tests_alone() -> list[str]:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if f"mark.{ALONE}" in file.read_text(encoding="utf-8")]


def reported(report: Path) -> tuple[int, tuple[str, ...]]:
    """The number of tests in a report, and those that were skipped; 0 and () without a report."""
    if not report.exists():
        return 0, ()
    cases = list(ElementTree.parse(report).iter("testcase"))
    skips = [(case, skip) for case in cases for skip in case.iter("skipped") if skip.get("type") == "pytest.skip"]
    return len(cases), tuple(f"{case.get('classname')}.{case.get('name')}: {skip.get('message')}" for case, skip in skips)


def run_all(runner: Runner, names: list[str], jobs: int, *, may_skip: bool) -> list[str]:
    """Run suites, print a line for each as it ends, then what failed. Returns a line per fault."""
    outcomes: list[Outcome] = []

    def show(outcome: Outcome) -> None:
        outcomes.append(outcome)
        verdict = outcome.fault(may_skip=may_skip) or "passed"
        print(
            f"{outcome.name:10} {outcome.tests:6} tests {outcome.seconds:7.1f} s {outcome.processor:7.1f} s of processor  {verdict}",
            flush=True,
        )

    is_whole = set(names) == {*SUITES, ALONE}
    at_last = [name for name in names if name == ALONE or SUITES[name].is_alone]
    with ThreadPoolExecutor(jobs) as pool:
        counting = pool.submit(runner.count) if is_whole else None
        for ending in as_completed([pool.submit(runner.run, name) for name in names if name not in at_last]):
            show(ending.result())
    with ThreadPoolExecutor(max(1, len(at_last))) as pool:
        for ending in as_completed([pool.submit(runner.run, name) for name in at_last]):
            show(ending.result())
    faults = {outcome: fault for outcome in outcomes if (fault := outcome.fault(may_skip=may_skip))}
    for outcome in faults:
        print(f"\n===== {outcome.name}: {outcome.log}\n{outcome.failures()}")
    for skip in sorted(skip for outcome in outcomes for skip in outcome.skipped):
        print(f"skipped: {skip}")
    total = sum(outcome.tests for outcome in outcomes)
    lines = [f"{outcome.name}: {fault}" for outcome, fault in faults.items()]
    if counting and counting.result() != total:
        lines.append(f"the suites ran {total} tests and pytest finds {counting.result()}: see {runner.logs / COUNT}.log")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the suites of tests side by side.")
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"{', '.join(SUITES)} or {ALONE}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="no server, no browser and no client")
    parser.add_argument("--coverage", action="store_true", help="measure which lines of the package run")
    parser.add_argument("--jobs", type=int, default=1 + len(os.sched_getaffinity(0)), help="how many run at a time")
    parser.add_argument("--logs", type=Path, default=LOGS, help="the folder for logs and reports")
    given = parser.parse_args()
    if unknown := set(given.suites) - {*SUITES, ALONE}:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    names = given.suites or ([name for name, suite in SUITES.items() if suite.is_quick] if given.quick else [*SUITES, ALONE])
    logs = given.logs.resolve()
    logs.mkdir(parents=True, exist_ok=True)
    for old in (file for pattern in ("*.log", "*.xml", ".coverage*") for file in logs.glob(pattern)):
        old.unlink()
    began = time.monotonic()
    faults = run_all(Runner(logs, given.quick, given.coverage), names, given.jobs, may_skip=not os.environ.get("CI"))
    print(
        f"{'FAILED' if faults else 'passed'} in {time.monotonic() - began:.0f} s, {len(names)} suites, logs in {given.logs}",
        *faults,
        sep="\n  ",
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
