"""Callers show Tiled their own credentials through a proxy, and see what Tiled shows them."""

from __future__ import annotations

import logging
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from tests.tiled import users
from tests.tiled.proxying import Clock, Pair, paired, stopped
from tiled.server.app import build_app_from_config

from tiled_zarr.http.protocol.failures import in_full
from tiled_zarr.nodes import Unauthenticated
from tiled_zarr.tiled.proxy.remote import Remote, pooled
from tiled_zarr.tiled.proxy.view import Trust

LOOK = 5.0
SIGNED_IN = {401: 403, 403: 403, 404: 403, 200: 200}
"""The answer for a chunk, by Tiled's for the values, if the caller has signed in."""
ANONYMOUS = {401: 401, 403: 401, 404: 401, 200: 200}
NODES = (*users.ARRAYS, *users.ABSENT)


class Caller(NamedTuple):
    """Credentials as a client sends them to us, and the header that means the same to Tiled."""

    headers: Mapping[str, str]
    theirs: Mapping[str, str]
    prefix: str = ""
    query: str = ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("users")
    users.fill(made)
    return made


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    with stopped() as made:
        yield made


@pytest.fixture(scope="module")
def pair(folder: Path, clock: Clock) -> Iterator[Pair]:
    with paired(build_app_from_config(users.config(folder, allow_anonymous_access=True)), Trust(look=LOOK)) as made:
        yield made


def token(pair: Pair, name: str) -> str:
    answer = pair.tiled.post(f"/api/v1/auth/provider/{users.PROVIDER}/token", data={"username": name, "password": name})
    pair.tiled.cookies.clear()
    return answer.json()["access_token"]


def api_key(pair: Pair, name: str, *scopes: str) -> dict[str, Any]:
    """A key of a user, and its first letters."""
    bearer = {"authorization": f"Bearer {token(pair, name)}"}
    answer = pair.tiled.post("/api/v1/auth/apikey", headers=bearer, json={"expires_in": 3600, "scopes": scopes or ("inherit",)})
    return answer.json()


@pytest.fixture(scope="module")
def matrix(pair: Pair) -> dict[str, Caller]:
    keys = {name: api_key(pair, name)["secret"] for name in users.USERS}
    narrowed = api_key(pair, "alice", "read:metadata")["secret"]
    found = {name: Caller({"authorization": f"Apikey {key}"}, {"authorization": f"Apikey {key}"}) for name, key in keys.items()}
    alice = found["alice"].theirs
    bearer = {"authorization": f"Bearer {token(pair, 'bob')}"}
    return {
        **found,
        "nobody": Caller({}, {}),
        "a token of bob": Caller(bearer, bearer),
        "a narrowed key": Caller({"authorization": f"Apikey {narrowed}"}, {"authorization": f"Apikey {narrowed}"}),
        "a cookie": Caller({"cookie": f"tiled_api_key={keys['alice']}"}, alice),
        "a query": Caller({}, alice, query=f"?api_key={keys['alice']}"),
        "a path": Caller({}, alice, prefix=f"/k/{keys['alice']}"),
        "a password": Caller({"authorization": "Basic " + b64encode(f"any:{keys['alice']}".encode()).decode()}, alice),
    }


CALLERS = (*users.USERS, "nobody", "a token of bob", "a narrowed key", "a cookie", "a query", "a path", "a password")


@pytest.mark.parametrize("who", CALLERS)
def test_each_caller_sees_what_tiled_shows(pair: Pair, matrix: dict[str, Caller], who: str) -> None:
    caller, differences = matrix[who], []
    refusals = SIGNED_IN if caller.theirs else ANONYMOUS
    for path in NODES:
        seen = pair.tiled.get(f"/api/v1/metadata/{path}", headers=caller.theirs).status_code
        read = pair.tiled.get(f"/api/v1/array/full/{path}", headers=caller.theirs).status_code
        expected = (404 if seen == 401 else seen, refusals[read])
        found = tuple(
            pair.ours.get(f"{caller.prefix}/{key}{caller.query}", headers=caller.headers).status_code
            for key in (f"zarr/v3/{path}/zarr.json", f"zarr/v3/{path}/c/0/0")
        )
        if found != expected:
            differences.append((path, expected, found))
    assert differences == []


@pytest.mark.parametrize("who", CALLERS)
def test_listings_and_consolidated_documents_have_what_tiled_lists(pair: Pair, matrix: dict[str, Caller], who: str) -> None:
    caller = matrix[who]
    listed = pair.tiled.get("/api/v1/search/", headers=caller.theirs, params={"page[limit]": 100}).json()["data"]
    root = pair.ours.get(f"{caller.prefix}/zarr/v3/zarr.json{caller.query}", headers=caller.headers)
    members = {name.partition("/")[0] for name in root.json()["consolidated_metadata"]["metadata"]}
    unavailable = root.json()["attributes"].get("tiled_zarr", {}).get("unavailable", {})
    assert members | set(unavailable) == {node["id"] for node in listed}
    assert all(name.startswith("h5_") for name in unavailable)  # Tiled answers 500 for what is in a file


@pytest.mark.parametrize(
    "credentials", [{"authorization": "Apikey 00ff"}, {"authorization": "Bearer no.token.it"}, {"cookie": "tiled_api_key=00"}]
)
@pytest.mark.parametrize("path", ["/", "/zarr/v3/zarr.json", "/zarr/v2/image_public/0.0", "/view/image_public", "/metrics"])
def test_wrong_credentials_are_refused_even_where_anybody_may_read(pair: Pair, credentials: dict[str, str], path: str) -> None:
    answer = pair.ours.get(path, headers=credentials)
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("key", [b"\xff", "\u20ac".encode(), b"\0", b"a b"])
def test_a_key_that_is_no_visible_ascii_is_refused(pair: Pair, key: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """None of Tiled's is; and no header could carry it."""
    odd = b"hiddenpart" + key
    basic = {"authorization": f"Basic {b64encode(b'x:' + odd).decode()}"}
    path = "/zarr/v3/zarr.json"
    with caplog.at_level(logging.DEBUG, "tiled_zarr"):
        answers = [
            pair.ours.get(f"{path}?api_key={quote(odd)}"),
            pair.ours.get(f"/k/{quote(odd)}{path}"),
            pair.ours.get(path, headers=basic),
        ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert not any(b"hiddenpart" in answer.content for answer in answers)
    assert "hiddenpart" not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("tiled_zarr"))


def test_a_header_that_cannot_be_sent_is_in_no_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        remote = Remote(f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1", pooled(5.0, 5.0))
        try:
            for value in ("Apikey hiddenpart\0", "Apikey hiddenpart\u20ac"):
                with pytest.raises(Unauthenticated) as caught:
                    remote.get("metadata", (), (), {"authorization": value})
                assert "hiddenpart" not in in_full(caught.value)
                assert caught.value.__cause__ is None
        finally:
            remote.close()


def test_keys_that_contradict_each_other_are_refused(pair: Pair, matrix: dict[str, Caller]) -> None:
    alice, bob = matrix["alice"].headers, matrix["bob"].headers["authorization"].split()[1]
    assert pair.ours.get(f"/zarr/v3/zarr.json?api_key={bob}", headers=alice).status_code == 401


def test_cached_chunks_of_one_caller_are_not_given_to_another(pair: Pair, matrix: dict[str, Caller]) -> None:
    for path, chunk in (("image_alices", "c/0/0"), ("image_described", "c/0/0")):
        assert pair.ours.get(f"/zarr/v3/{path}/{chunk}", headers=matrix["alice"].headers).status_code == 200
        for other in ("bob", "nobody"):
            assert pair.ours.get(f"/zarr/v3/{path}/{chunk}", headers=matrix[other].headers).status_code in {401, 403}
            assert pair.ours.get(f"/ome-zarr/0.5/{path}/0/{chunk}", headers=matrix[other].headers).status_code in {401, 403, 404}


def test_callers_who_may_both_read_share_a_chunk(pair: Pair, matrix: dict[str, Caller]) -> None:
    first = pair.ours.get("/zarr/v3/image_shared/c/0/0", headers=matrix["alice"].headers)
    pair.behind.counted()
    second = pair.ours.get("/zarr/v3/image_shared/c/0/0", headers=matrix["bob"].headers)
    assert second.content == first.content
    assert "array/full/image_shared" not in (asked := pair.behind.counted())
    assert asked.count("array/block/image_shared") <= 1  # whether bob may read it, if that is not known yet


def test_a_revoked_key_stops_after_a_look(pair: Pair, clock: Clock) -> None:
    made = api_key(pair, "alice")
    key = {"authorization": f"Apikey {made['secret']}"}
    assert pair.ours.get("/zarr/v3/image_alices/c/0/0", headers=key).status_code == 200
    revoked = pair.tiled.delete(
        "/api/v1/auth/apikey", params={"first_eight": made["first_eight"]}, headers={"authorization": f"Bearer {token(pair, 'alice')}"}
    )
    assert revoked.is_success
    clock.now += LOOK + 1
    for path in ("/zarr/v3/image_alices/c/0/0", "/zarr/v3/image_public/c/0/0", "/"):
        assert pair.ours.get(path, headers=key).status_code == 401


def test_no_credentials_are_logged(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tiled_zarr")
    for headers in ({"authorization": "Apikey 0123456789abcdef"}, {"authorization": "Bearer 0123456789abcdef"}):
        pair.ours.get("/zarr/v3/image_alices/c/0/0", headers=headers)
    assert "0123456789abcdef" not in caplog.text


def test_no_cookie_of_tileds_is_kept(pair: Pair) -> None:
    """Tiled sends the key of one caller as a cookie, which must not go out with the requests of others."""
    assert list(pair.inner.cookies.jar) == []


@pytest.mark.parametrize(
    ("path", "status"),
    {
        "document": ("/zarr/v3/image_described/zarr.json", 200),
        "chunk": ("/zarr/v2/image_described/0.0", 403),
        "chunk of a table": ("/zarr/v2/table_described/x/0", 403),
        "group of a table": ("/zarr/v2/table_described/.zgroup", 200),
        "image": ("/ome-zarr/0.5/image_described/zarr.json", 200),
        "level": ("/ome-zarr/0.5/image_described/0/c/0/0", 403),
        "page": ("/view/image_described", 200),
        "picture": ("/thumbnail/image_described.png", 403),
    }.values(),
)
def test_who_may_not_read_values_sees_what_is_said_of_them(pair: Pair, matrix: dict[str, Caller], path: str, status: int) -> None:
    assert pair.ours.get(path, headers=matrix["bob"].headers).status_code == status
    assert pair.ours.get(path, headers=matrix["alice"].headers).status_code == 200


def test_head_ranges_tags_and_revisions_in_paths_follow_the_same_rights(pair: Pair, matrix: dict[str, Caller]) -> None:
    chunk = "zarr/v3/image_alices/c/0/0"
    alice, bob = (dict(matrix[name].headers) for name in ("alice", "bob"))
    whole = pair.ours.get(f"/{chunk}", headers=alice)
    place = pair.ours.get("/zarr/v3/image_alices/zarr.json", headers=alice).headers["content-location"]
    pinned = f"{place.rpartition('/zarr/v3/')[0]}/{chunk}"
    assert pair.ours.get(pinned, headers=alice).content == whole.content
    assert pair.ours.head(f"/{chunk}", headers=alice).headers["content-length"] == str(len(whole.content))
    assert pair.ours.get(f"/{chunk}", headers={**alice, "range": "bytes=0-3"}).content == whole.content[:4]
    for headers, status in ((bob, 403), ({}, 401)):
        assert pair.ours.get(pinned, headers=headers).status_code == status
        assert pair.ours.head(f"/{chunk}", headers=headers).status_code == status
        assert pair.ours.get(f"/{chunk}", headers={**headers, "range": "bytes=0-3"}).status_code == status
        assert pair.ours.get(f"/{chunk}", headers={**headers, "if-none-match": whole.headers["etag"]}).status_code == status
