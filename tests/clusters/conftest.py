"""One scheduler with two workers for all tests that do not harm it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dasks import Counted, Running, scheduler
from tiled_zarr.clusters.clients import connected
from tiled_zarr.clusters.cluster import Cluster
from tiled_zarr.clusters.executor import Executor
from tiled_zarr.resources import Resources


@pytest.fixture
def count(tmp_path: Path) -> Iterator[Callable[..., Counted]]:
    """Makes arrays that count; none of their blocks waits after the test."""
    made: list[Counted] = []

    def make(*arguments: Any, **options: Any) -> Counted:
        made.append(Counted(tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.gate.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with scheduler(workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def client(running: Running) -> Iterator[Any]:
    """A client when both workers are there."""
    with connected(running.address, 60) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture
def clusters(client: Any) -> Iterator[Callable[[int], Cluster]]:
    """Makes clusters that keep so many bytes of blocks, and forgets all of these at the end."""
    with ExitStack() as closing:

        def made(max_bytes: int) -> Cluster:
            cluster = Cluster(client, max_bytes)
            closing.callback(cluster.close)
            return cluster

        yield made


@pytest.fixture
def cluster(clusters: Callable[[int], Cluster]) -> Cluster:
    return clusters(2**30)


@pytest.fixture
def resources(cluster: Cluster) -> Iterator[Resources]:
    """Resources with which arrays are computed on the cluster."""
    resources = Resources.of(dask=lambda abandoned: Executor(cluster=cluster, abandoned=abandoned))
    yield resources
    resources.close()
