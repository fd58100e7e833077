"""Profiles of hypothesis, and the promise that a run of everything runs every suite.

Tests marked `unmeasured` run last, and coverage is not measured while they run: it would take two
fifths of their time, and other tests run the same lines.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SLOW_MACHINE = [HealthCheck.too_slow]
settings.register_profile("fast", max_examples=10, deadline=None, suppress_health_check=SLOW_MACHINE)
settings.register_profile("quick", max_examples=50, deadline=None, suppress_health_check=SLOW_MACHINE)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=SLOW_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell ignores it for what it starts in the background, and then all that tests start would too
    signal.signal(signal.SIGINT, signal.default_int_handler)

SUITES = {"adapters", "browser", "clients", "clusters", "demo", "hostile", "http", "native", "ome", "tiled"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Unmeasured tests go last. A run of everything fails if a suite has no test."""
    items.sort(key=is_unmeasured)
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    here = Path(__file__).parent
    found = {item.path.relative_to(here).parts[0] for item in items if item.path.is_relative_to(here)}
    if missing := SUITES - found:
        raise pytest.UsageError(f"no test was found in {', '.join(f'tests/{suite}' for suite in sorted(missing))}")


def is_unmeasured(item: pytest.Item) -> bool:
    return item.get_closest_marker("unmeasured") is not None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Measure coverage only up to the first test that is unmeasured."""
    if is_unmeasured(item) and "coverage" in sys.modules:
        import coverage

        if measuring := coverage.Coverage.current():
            measuring.stop()


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end, so the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()
