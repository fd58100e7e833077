"""Every node of the demo tree, every type and every codec equals the source in every client.

All are read through a running server.
"""

from __future__ import annotations

import pytest

from clients import compare, envs, running
from clients.conftest import Reports
from clients.running import CLIENTS, SERVED
from tiled_zarr.nodes import Array

CASES = [
    pytest.param(client, served, reader, id=f"{client} - {served} - {reader}")
    for (client, served), readers in running.READERS.items()
    for reader in readers
]
FEWEST_CHUNKS = compare.INTERIOR


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("client", "served", "reader"), CASES)
def test_every_node_is_equal(client: str, served: str, reader: str, reports: Reports) -> None:
    skip_the_newest_where_its_python_is_missing(client)
    report = reports(client, served)[reader]
    assert {path: entry["error"] for path, entry in report.items() if not entry["ok"]} == {}
    assert set(report) == {path for path, _ in compare.nodes(compare.load(SERVED[served].truth))}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("reader", running.READERS["zarr 3.1", "demo"])
def test_large_nodes_are_sampled(reader: str, reports: Reports) -> None:
    report = reports("zarr 3.1", "demo")[reader]
    tree = compare.load(SERVED["demo"].tree)
    large = [path for path, node in compare.nodes(tree) if isinstance(node, Array) and compare.nbytes(node) > compare.WHOLE]
    assert {"nested/images/big_image", "nested/images/gigapixel", "nested/cubes/tiny_hypercube"} == set(large)
    assert all(report[path]["chunks"] > FEWEST_CHUNKS for path in large)


def skip_the_newest_where_its_python_is_missing(client: str) -> None:
    name = CLIENTS[client].environment
    if name in envs.OLDEST_PYTHON and envs.base_python(name) is None:
        pytest.skip(f"{client} is NOT TESTED: no Python {envs.OLDEST_PYTHON[name]} or newer is installed")
