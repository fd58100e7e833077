"""Servers that the client tests share, and the clients' reports about them, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from clients import running
from clients.compare import Report
from live import Live, live

collect_ignore_glob = ["read_*.py", "run_snippets.py", "serve_virtual.py", "tiled_changing.py"]
"""These run in other environments."""

Reports = Callable[[str, str], dict[str, Report]]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Live]]:
    """One running server by name of `running.SERVED`."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(live(env=running.environment(name))) for name in running.SERVED}


@pytest.fixture(scope="session")
def truth_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder by tree, for the blocks that take long to compute."""
    return {what.truth: tmp_path_factory.mktemp("truth") for what in running.SERVED.values()}


@pytest.fixture(scope="session")
def reports(request: pytest.FixtureRequest, servers: dict[str, Live], truth_folders: dict[str, Path]) -> Iterator[Reports]:
    """The report of a client script about a served tree: {reader: {path: ...}}.

    The reports that tests will need are made from the start, two at a time, each once. A report
    that fails raises whenever it is requested.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:

        @cache
        def report(client: str, served: str) -> Future[dict[str, Report]]:
            return pool.submit(running.read_all, client, served, servers[served].url, truth_folders[running.SERVED[served].truth])

        for client, served in wanted(request.session.items):
            report(client, served)
        yield lambda client, served: report(client, served).result()
        pool.shutdown(cancel_futures=True)


def wanted(items: list[pytest.Item]) -> Iterator[tuple[str, str]]:
    """Client and served tree of every test that asks for a report."""
    for item in items:
        if isinstance(item, pytest.Function) and "reports" in item.fixturenames:
            parameters = item.callspec.params
            if "client" in parameters:
                yield parameters["client"], parameters["served"]
