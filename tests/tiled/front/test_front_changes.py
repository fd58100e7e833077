"""What changes while it is served: rights, nodes and policies hold within KEPT seconds of the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.tiled.policies import USERS, ByReaders, array, tree
from tests.tiled.serving import Server, built
from tiled.adapters.mapping import MapAdapter
from tiled.config import Authentication

from tiled_zarr.tiled import front
from tiled_zarr.tiled.server import asking, members, rights


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the front, in seconds, which a test moves."""
    now = [1000.0]
    for module in (asking, members, rights):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def root() -> MapAdapter[Any]:
    return tree()


@pytest.fixture
def server(root: MapAdapter[Any], clock: list[float]) -> Iterator[Server]:
    assert clock
    provider = {"provider": "toy", "authenticator": "tiled.authenticators:DictionaryAuthenticator"}
    passwords = {"users_to_passwords": {name: name for name in USERS}}
    authentication = Authentication.model_validate({"secret_keys": ["SECRET" * 6], "providers": [{**provider, "args": passwords}]})
    with Server(front(built(root, authentication, access_policy=ByReaders()))) as running:
        yield running


@pytest.fixture
def bob(server: Server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.login('toy', 'bob', 'bob')['access_token']}"}


def names(server: Server, headers: dict[str, str]) -> set[str]:
    listing = json.loads(server.get("/zarr/v3/", {**headers, "accept": "application/json"}).body)
    document = json.loads(server.get("/zarr/v3/zarr.json", headers).body)["consolidated_metadata"]["metadata"]
    listed = {child["name"] for child in listing["children"]}
    assert listed == {path for path in document if "/" not in path}
    assert listing["unavailable"] == {}
    return listed


def test_a_right_that_is_withdrawn_ends(server: Server, root: MapAdapter[Any], bob: dict[str, str], clock: list[float]) -> None:
    assert server.get("/zarr/v3/both_1/c/0/0", bob).status == 200
    before = names(server, bob)
    root["both_1"]._metadata["readers"] = ["alice"]
    clock[0] += rights.KEPT + 0.1
    assert server.get("/zarr/v3/both_1/c/0/0", bob).status == 403
    assert server.get("/zarr/v3/both_1/zarr.json", bob).status == 404
    assert names(server, bob) == before - {"both_1"}


def test_a_right_that_is_given_begins(server: Server, root: MapAdapter[Any], bob: dict[str, str], clock: list[float]) -> None:
    assert server.get("/zarr/v3/alice_shown/c/0/0", bob).status == server.get("/zarr/v3/alice_1/c/0/0", bob).status == 403
    before = names(server, bob)
    root["alice_shown"]._metadata["data"] = ["alice", "bob"]
    root["alice_1"]._metadata["readers"] = ["alice", "bob"]
    clock[0] += rights.KEPT + 0.1
    assert server.get("/zarr/v3/alice_shown/c/0/0", bob).status == server.get("/zarr/v3/alice_1/c/0/0", bob).status == 200
    assert names(server, bob) == before | {"alice_1"}


def test_data_alone_may_be_withdrawn(server: Server, root: MapAdapter[Any], bob: dict[str, str], clock: list[float]) -> None:
    assert server.get("/ome-zarr/0.4/both_1/0/0/0", bob).status == 200
    root["both_1"]._metadata["data"] = ["alice"]
    clock[0] += rights.KEPT + 0.1
    assert {server.get(path, bob).status for path in ("/ome-zarr/0.4/both_1/0/0/0", "/zarr/v3/both_1/c/0/0", "/thumbnail/both_1.png")} == {
        403
    }
    assert {server.get(path, bob).status for path in ("/ome-zarr/0.4/both_1/.zattrs", "/zarr/v3/both_1/zarr.json", "/view/both_1")} == {200}


def test_nodes_come_and_go(server: Server, root: MapAdapter[Any], bob: dict[str, str], clock: list[float]) -> None:
    before = names(server, bob)
    root._mapping["bob_new"] = array("bob")
    root._mapping["alice_new"] = array("alice")
    clock[0] += rights.KEPT + 0.1
    assert names(server, bob) == before | {"bob_new"}
    del root._mapping["bob_new"]
    clock[0] += rights.KEPT + 0.1
    assert names(server, bob) == before
    assert server.get("/zarr/v3/bob_new/zarr.json", bob).status == 404


def test_a_policy_that_fails_hides_what_it_was_asked_for(
    server: Server, bob: dict[str, str], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error is no permission, and no absence either."""
    assert server.get("/zarr/v3/both_1/c/0/0", bob).status == 200

    async def fails(*_: Any) -> Any:
        raise ConnectionError("the server of the policy does not answer")

    monkeypatch.setattr(ByReaders, "allowed_scopes", fails)
    clock[0] += rights.KEPT + 0.1
    assert server.get("/zarr/v3/both_1/c/0/0", bob).status == 503
    assert server.get("/zarr/v3/zarr.json", bob).status == 503
