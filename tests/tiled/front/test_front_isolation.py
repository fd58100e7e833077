"""Two callers at once, in any order: neither ever gets what is the other's.

Each answer has to be what the same caller gets who is alone on a server, to the byte. So no name, no number and no
chunk of the other is in it, whatever the caches hold by then.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TypeAlias

import pytest
from tests.tiled.policies import USERS, ByReaders, tree
from tests.tiled.serving import Asked, Server, built
from tiled.config import Authentication

from asgi import Answer
from tiled_zarr.tiled import front

INTERLEAVINGS = 1000
SEED = 13
MOST_AT_ONCE = 4
NODES = ("alice_1", "bob_1", "both_1", "alice_shown", "folder_both/alice_2", "folder_both/bob_1", "folder_alice/alice_1", "nothing")
ROOTS = ("", "/folder_both")
REQUESTS = (
    *(Asked(f"/zarr/v3{root}/", headers={"accept": "application/json"}) for root in ROOTS),
    *(Asked(f"/zarr/v2{root}/") for root in ROOTS),
    *(Asked(f"/zarr/v3{root}/zarr.json") for root in ROOTS),
    Asked("/zarr/v2/.zmetadata"),
    Asked("/ome-zarr/0.4/.zmetadata"),
    Asked("/view/"),
    Asked("/view/folder_both"),
    *(Asked(f"/zarr/v3/{node}/zarr.json") for node in NODES),
    *(Asked(f"/zarr/v3/{node}/c/0/0") for node in NODES),
    *(Asked(f"/zarr/v2/{node}/0.0", "HEAD") for node in NODES),
    *(Asked(f"/zarr/v2/{node}/0.0", headers={"range": "bytes=0-19"}) for node in NODES),
    *(Asked(f"/ome-zarr/0.4/{node}/.zattrs") for node in NODES),
    *(Asked(f"/ome-zarr/0.5/{node}/0/c/0/0") for node in NODES),
    *(Asked(f"/thumbnail/{node}.png") for node in NODES),
    *(Asked(f"/download/{node}.npy?slice=0:3") for node in NODES),
    *(Asked(f"/view/{node}") for node in NODES),
    *(Asked(f"/zarr/v3/{node}/", "PROPFIND", {"depth": "0"}) for node in NODES[:4]),
)
Kept: TypeAlias = tuple[int, str, bytes]
OF_OTHERS = {"alice": (b"bob_1", b"folder_bob", b"of_bob"), "bob": (b"alice_1", b"alice_2", b"folder_alice", b"of_alice")}
"""Texts that no answer to a caller may contain."""


def app() -> object:
    provider = {"provider": "toy", "authenticator": "tiled.authenticators:DictionaryAuthenticator"}
    passwords = {"users_to_passwords": {name: name for name in USERS}}
    authentication = Authentication.model_validate({"secret_keys": ["SECRET" * 6], "providers": [{**provider, "args": passwords}]})
    return front(built(tree(), authentication, access_policy=ByReaders()))


def token(server: Server, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {server.login('toy', name, name)['access_token']}"}


def asked_by(headers: dict[str, str], request: Asked) -> Asked:
    return request._replace(headers={**request.headers, **headers})


def kept(answer: Answer) -> Kept:
    """What must not depend on others: status, tag and body; PROPFIND tells the time."""
    body = b"" if b"getlastmodified" in answer.body else answer.body
    return answer.status, answer.headers.get("etag", ""), body


@pytest.fixture(scope="module")
def alone() -> dict[str, list[Kept]]:
    """What each caller gets who is the only one."""
    found = {}
    for name in USERS:
        with Server(app()) as server:
            headers = token(server, name)
            found[name] = [kept(server.run_one(asked_by(headers, request))) for request in REQUESTS]
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(app()) as running:
        yield running


def test_the_answers_to_one_alone_are_theirs(alone: dict[str, list[Kept]]) -> None:
    """That they differ as they should: else the comparison below would find nothing."""
    by_path = {
        name: {(request.path, request.method): answer for request, answer in zip(REQUESTS, alone[name], strict=False)} for name in USERS
    }
    for name, other in (("alice", "bob"), ("bob", "alice")):
        answers = by_path[name]
        assert answers[f"/zarr/v3/{name}_1/c/0/0", "GET"][0] == 200
        assert answers[f"/zarr/v3/{other}_1/c/0/0", "GET"][0] == answers["/zarr/v3/nothing/c/0/0", "GET"][0] == 403
        assert answers[f"/zarr/v3/{other}_1/zarr.json", "GET"][0] == answers["/zarr/v3/nothing/zarr.json", "GET"][0] == 404
        assert answers["/zarr/v3/both_1/c/0/0", "GET"][0] == 200
        assert answers["/zarr/v3/alice_shown/zarr.json", "GET"][0] == 200
        assert answers["/zarr/v3/alice_shown/c/0/0", "GET"][0] == (200 if name == "alice" else 403)
        assert not any(text in body for text in OF_OTHERS[name] for _, _, body in alone[name])


def test_interleaved_callers_get_their_own(server: Server, alone: dict[str, list[Kept]]) -> None:
    chance = random.Random(SEED)
    headers = {name: token(server, name) for name in USERS}
    seen: set[tuple[str, int]] = set()
    for _ in range(INTERLEAVINGS):
        chosen = [(chance.choice(USERS), chance.randrange(len(REQUESTS))) for _ in range(chance.randint(2, MOST_AT_ONCE))]
        answers = server.together(asked_by(headers[name], REQUESTS[number]) for name, number in chosen)
        for (name, number), answer in zip(chosen, answers, strict=True):
            assert kept(answer) == alone[name][number], (name, REQUESTS[number])
            assert not any(text in answer.body for text in OF_OTHERS[name]), (name, REQUESTS[number])
        seen.update(chosen)
    assert len(seen) == 2 * len(REQUESTS)


def test_what_may_be_read_is_listed_beside_what_may_not(server: Server) -> None:
    """Alice's image that bob sees, and may not read, does no harm to the others in a PROPFIND."""
    answer = server.get("/zarr/v3/", {**token(server, "bob"), "depth": "infinity"}, "PROPFIND")
    assert answer.status == 207
    listed = {line.split(b"</D:href>")[0]: b"200 OK" in line for line in answer.body.split(b"<D:href>/zarr/v3/")[1:]}
    assert [name for name, is_ok in listed.items() if not is_ok] == [b"alice_shown/"]
    assert {b"alice_shown/zarr.json", b"bob_1/c/0/0", b"folder_both/both_2/c/0/0"} <= set(listed)
    assert not any(name.startswith(b"alice_shown/c") for name in listed)
    assert not any(text in answer.body for text in OF_OTHERS["bob"])
