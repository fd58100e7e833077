"""What changes while it is served: rights, nodes and policies hold within KEPT seconds of the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.tiled.policies import USERS, ByReaders, array, tree
from tests.tiled.serving import Server, built, configured, sent
from tests.tiled.users import PROVIDER, SMALL, config, fill
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


def test_what_takes_the_place_of_a_node_is_decided_on_at_once(server: Server, root: MapAdapter[Any], bob: dict[str, str]) -> None:
    """A right on a node that was readable lasts for a while; none on another node under its name."""
    paths = ("/zarr/v3/both_1/zarr.json", "/zarr/v3/both_1/c/0/0", "/ome-zarr/0.4/both_1/0/0/0", "/view/both_1")
    folders = ("/zarr/v3/zarr.json", "/zarr/v2/.zmetadata", "/view/")
    assert {server.get(path, bob).status for path in (*paths, *folders)} == {200}
    root._mapping["both_1"] = array("alice", said="secret")
    assert server.get("/api/v1/metadata/both_1", bob).status == 404
    assert {path: server.get(path, bob).status for path in paths} == dict(zip(paths, (404, 403, 403, 404), strict=True))
    assert not any(b"secret" in server.get(path, bob).body for path in folders)
    root._mapping["both_1"] = array("both", data=["alice"], said="told")
    assert [server.get(path, bob).status for path in paths[1:3]] == [403, 403]


@pytest.fixture
def catalog(tmp_path: Path, clock: list[float]) -> Iterator[Server]:
    """A server of a catalog with an image for all."""
    assert clock
    fill(tmp_path, lambda client, _: client.write_array(SMALL, key="thing", metadata={"said": "old"}, access_tags=["public"]))
    with Server(front(configured(config(tmp_path)))) as running:
        yield running


def test_new_metadata_of_a_row_are_not_for_who_may_not_read_it_now(catalog: Server) -> None:
    bob, admin = ({"authorization": f"Bearer {catalog.login(PROVIDER, name, name)['access_token']}"} for name in ("bob", "admin"))
    paths = ("/zarr/v3/thing/zarr.json", "/zarr/v3/thing/c/0/0", "/view/thing", "/zarr/v3/zarr.json")
    assert {catalog.get(path, bob).status for path in paths} == {200}
    body = json.dumps({"metadata": {"said": "secret"}, "access_tags": ["alices"]}).encode()
    put = sent(catalog.app, "/api/v1/metadata/thing", body, {**admin, "content-type": "application/json"}, "PUT")
    assert catalog.run(put).status == 200
    assert catalog.get("/api/v1/metadata/thing", bob).status == 404
    assert [catalog.get(path, bob).status for path in paths] == [404, 403, 404, 200]
    assert b"secret" not in catalog.get("/zarr/v3/zarr.json", bob).body
    assert b"secret" in catalog.get("/zarr/v3/thing/zarr.json", admin).body


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


def test_only_who_may_read_a_node_follows_it(server: Server, root: MapAdapter[Any], bob: dict[str, str], clock: list[float]) -> None:
    followed = server.get("/events/both_1", bob, "HEAD")
    assert (followed.status, followed.headers["content-type"]) == (200, "text/event-stream")
    assert server.get("/events/alice_1", bob, "HEAD").status == 404
    root["both_1"]._metadata["readers"] = ["alice"]
    clock[0] += rights.KEPT + 0.1
    assert server.get("/events/both_1", bob, "HEAD").status == 404
