"""Servers that the client tests share, and the clients' reports about them, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from clients import running
from clients.compare import Report
from live import Live, live

collect_ignore_glob = ["read_*.py", "tiled_changing.py"]
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
    return {what.tree: tmp_path_factory.mktemp("truth") for what in running.SERVED.values()}


@pytest.fixture(scope="session")
def reports(servers: dict[str, Live], truth_folders: dict[str, Path]) -> Reports:
    """What a client script says about a served tree: {reader: {path: ...}}."""
    made: dict[tuple[str, str], dict[str, Report] | Exception] = {}

    def report(client: str, served: str) -> dict[str, Report]:
        if (client, served) not in made:
            made[client, served] = attempt(client, served)
        found = made[client, served]
        if isinstance(found, Exception):
            raise found
        return found

    def attempt(client: str, served: str) -> dict[str, Report] | Exception:
        """A client that fails is not tried again for each of its readers."""
        try:
            return running.read_all(client, served, servers[served].url, truth_folders[running.SERVED[served].tree])
        except Exception as error:  # noqa: BLE001 - it is raised in every test that asks
            return error

    return report
