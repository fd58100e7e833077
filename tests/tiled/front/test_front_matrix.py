"""Every credential and every kind of request on a server with users: allowed or refused as Tiled's own API decides.

What is expected is asked of `/api/v1` in the test itself: `metadata` for what documents say, `array/block` or
`table/partition` for data.
"""

from __future__ import annotations

import json
import random
import secrets
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from tests.tiled.serving import Asked, Server, configured
from tests.tiled.users import ABSENT, ARRAYS, FOLDERS, IMAGES, PROVIDER, READ, TABLES, USERS, config, fill

from asgi import Answer
from tiled_zarr.tiled import front

OK = frozenset({200, 206, 304})
FULL = frozenset({"apikey", "second user"})
SOME = frozenset({"narrowed", "useless", "tagged", "bearer", "administrator", "none"})
"""Credentials of which we ask for every node, and for a few of each kind. Of all others we ask for FEWEST:
they are those of the same user, or of nobody."""
FEWEST = frozenset({"image_public", "file_described", ABSENT[0]})
FEW = FEWEST | {"image_bobs", "folder_public/small_bobs", "table_described", "folder_alices"}


@dataclass(frozen=True)
class Credential:
    """What a client sends so that the server knows who it is."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    prefix: str = ""

    def get(self, server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
        joined = f"{path}{'&' if '?' in path else '?'}{self.query}" if self.query else path
        return server.get(joined, {**self.headers, **headers}, method)

    def ours(self, server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
        """The same for our paths, which may have a key before them."""
        return self.get(server, self.prefix + path, method, **headers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("users")
    fill(made)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with Server(front(configured(config(folder)))) as running:
        yield running


def copied(folder: Path, own: Path) -> Path:
    """A folder with copies of the databases: two servers in one process must not share one."""
    for name in ("catalog.db", "users.db"):
        shutil.copy(folder / name, own / name)
    return own


@pytest.fixture(scope="module")
def public_server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets everyone read what is public, with databases of its own."""
    own = copied(folder, tmp_path_factory.mktemp("public"))
    with Server(front(configured(config(own, folder, allow_anonymous_access=True)))) as running:
        yield running


@pytest.fixture(scope="module")
def credentials(server: Server, folder: Path) -> dict[str, Credential]:
    tokens = {name: server.login(PROVIDER, name, name)["access_token"] for name in USERS}
    make = partial(server.api_key, tokens["alice"])
    key = make(scopes=["inherit"])["secret"]
    narrowed = make(scopes=["read:metadata"])["secret"]
    useless = make(scopes=["revoke:apikeys"])["secret"]
    tagged = make(scopes=READ, access_tags=["shared", "public"])["secret"]
    expired = make(scopes=["inherit"], expires_in=3600)
    with sqlite3.connect(folder / "users.db") as db:
        db.execute("UPDATE api_keys SET expiration_time = '2001-01-01 00:00:00.000000' WHERE first_eight = ?", [expired["first_eight"]])
    return {
        "none": Credential(),
        "wrong": Credential({"authorization": f"Apikey {secrets.token_hex(32)}"}),
        "no token": Credential({"authorization": "Bearer nonsense"}),
        "another scheme": Credential({"authorization": "Digest username=alice"}),
        "apikey": Credential({"authorization": f"Apikey {key}"}),
        "bearer": Credential({"authorization": f"Bearer {tokens['alice']}"}),
        "cookie": Credential({"cookie": f"other=1; tiled_api_key={key}"}),
        "wrong cookie": Credential({"cookie": f"tiled_api_key={secrets.token_hex(32)}"}),
        "query": Credential(query=f"api_key={key}"),
        "query before header": Credential({"authorization": f"Apikey {secrets.token_hex(32)}"}, f"api_key={key}"),
        "narrowed": Credential({"authorization": f"Apikey {narrowed}"}),
        "useless": Credential({"authorization": f"Apikey {useless}"}),
        "tagged": Credential({"authorization": f"Apikey {tagged}"}),
        "expired": Credential({"authorization": f"Apikey {expired['secret']}"}),
        "second user": Credential({"authorization": f"Bearer {tokens['bob']}"}),
        "administrator": Credential({"authorization": f"Bearer {tokens['admin']}"}),
        "path": Credential(query=f"api_key={key}", prefix=f"/k/{key}"),
        "wrong path": Credential(query="api_key=abcd", prefix="/k/abcd"),
    }


def decided(server: Server, credential: Credential, node: str) -> tuple[bool, bool]:
    """Whether Tiled's API lets read the metadata and the data of a node."""
    block = "0" if node in TABLES else "0,0"
    data = f"/api/v1/table/partition/{node}?partition=0" if node in TABLES else f"/api/v1/array/block/{node}?block={block}"
    return credential.get(server, f"/api/v1/metadata/{node}").status == 200, credential.get(server, data).status == 200


@dataclass
class Differences:
    """What was answered otherwise than Tiled's API decides, or with another code than the contract's."""

    server: Server
    credential: Credential
    is_known: bool
    tags: Mapping[str, str]
    tokens: Mapping[str, str]
    found: list[str] = field(default_factory=list)
    count: int = 0

    def document(self, path: str, *, allowed: bool) -> None:
        """Documents and pages: what is hidden is absent."""
        for method in ("GET", "HEAD") if path.endswith(("zarr.json", ".zattrs")) else ("GET",):
            self.check(
                path, self.credential.ours(self.server, path, method).status, {404} if self.is_known else {401}, method, allowed=allowed
            )

    def chunk(self, path: str, *, allowed: bool, refused: int = 403) -> None:
        """Chunks: what may not be read is refused, whether it exists or not."""
        codes = {refused} if self.is_known else {401}
        for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"range": "bytes=0-3"})):
            self.check(
                path, self.credential.ours(self.server, path, method, **headers).status, codes, f"{method} {headers}", allowed=allowed
            )
        if path in self.tags:
            answer = self.credential.ours(self.server, path, **{"if-none-match": self.tags[path]})
            self.check(path, answer.status, codes, "304", allowed=allowed)
        if path in self.tokens:
            codes = {403, 410} if self.is_known else {401}
            self.check(path, self.credential.ours(self.server, f"/{self.tokens[path]}{path}").status, codes, "/@", allowed=allowed)

    def check(self, path: str, status: int, refused: set[int], what: str, *, allowed: bool) -> None:
        self.count += 1
        if (status in OK) if not allowed else (status not in OK):
            self.found.append(f"{what} {path}: {status}, {'allowed' if allowed else 'refused'} by the API")
        elif not allowed and status not in refused:
            self.found.append(f"{what} {path}: {status} instead of {refused}")


CHUNKS = ("/zarr/v3/{}/c/0/0", "/zarr/v2/{}/0.0")
IMAGE_CHUNKS = ("/ome-zarr/0.4/{}/0/0/0", "/ome-zarr/0.5/{}/0/c/0/0", "/thumbnail/{}.png", "/download/{}.npy")
DOCUMENTS = ("/zarr/v3/{}/zarr.json", "/zarr/v2/{}/.zattrs", "/zarr/v3/{}/", "/zarr/v2/{}/", "/view/{}")
IMAGE_DOCUMENTS = ("/ome-zarr/0.4/{}/.zattrs", "/ome-zarr/0.5/{}/zarr.json", "/ome-zarr/0.4/{}/0/.zarray")


@pytest.fixture(scope="module")
def tagged(server: Server, credentials: dict[str, Credential]) -> tuple[dict[str, str], dict[str, str]]:
    """The entity tag and the token of every chunk that the administrator reads."""
    admin, tags, tokens = credentials["administrator"], {}, {}
    for node in ARRAYS:
        for form in CHUNKS + (IMAGE_CHUNKS[:2] if node in IMAGES else ()):
            path = form.format(node)
            answer = admin.get(server, path)
            assert answer.status == 200
            tags[path] = answer.headers["etag"]
        for prefix, name in (("/zarr/v3/", "zarr.json"), ("/zarr/v2/", ".zarray")):
            location = admin.get(server, f"{prefix}{node}/{name}").headers.get("content-location", "")
            tokens |= {form.format(node): part for part in location.split("/") if part.startswith("@") for form in CHUNKS if prefix in form}
    assert set(tokens) == {form.format(node) for form in CHUNKS for node in ("file_shared", "file_described")}
    return tags, tokens


NAMES = [
    "none", "wrong", "no token", "another scheme", "apikey", "bearer", "cookie", "wrong cookie", "query", "query before header",
    "narrowed", "useless", "tagged", "expired", "second user", "administrator", "path", "wrong path",
]  # fmt: skip
UNKNOWN = frozenset({"none", "wrong", "no token", "another scheme", "wrong cookie", "expired", "wrong path"})


@pytest.mark.parametrize("name", NAMES)
def test_nothing_differs_from_the_api(
    server: Server, credentials: dict[str, Credential], tagged: tuple[dict[str, str], dict[str, str]], name: str
) -> None:
    seen = Differences(server, credentials[name], name not in UNKNOWN, *tagged)
    nodes = [node for node in (*ARRAYS, *FOLDERS, *TABLES, *ABSENT) if name in FULL or node in (FEW if name in SOME else FEWEST)]
    assert differences(seen, nodes) == []
    assert seen.count > 30


def test_everyone_reads_what_is_public(
    public_server: Server, credentials: dict[str, Credential], tagged: tuple[dict[str, str], dict[str, str]]
) -> None:
    """Without a credential on a server that lets everyone in: hidden documents are absent, and chunks are 401."""
    server, nobody = public_server, Credential()
    assert [decided(server, nobody, node) for node in ("image_public", "image_shared")] == [(True, True), (False, False)]
    for node in (*ARRAYS, *ABSENT):
        documents, data = decided(server, nobody, node)
        assert {nobody.get(server, form.format(node)).status for form in DOCUMENTS} == {200 if documents else 404}, node
        assert {nobody.get(server, form.format(node)).status for form in CHUNKS} == {200 if data else 401}, node
    assert nobody.get(server, "/zarr/v3/image_public/c/0/0").headers["cache-control"] == "no-cache"
    assert credentials["wrong"].get(server, "/zarr/v3/image_public/c/0/0").status == 401


def differences(seen: Differences, nodes: list[str]) -> list[str]:
    server, credential = seen.server, seen.credential
    is_root_refused = credential.get(server, "/api/v1/metadata/").status != 200
    if seen.is_known and is_root_refused:  # nothing of the tree may be read: everything is refused alike
        paths = [form.format(node) for node in ("image_public", "image_nobodys") for form in CHUNKS + DOCUMENTS]
        seen.count += 100
        return [f"{path}: {status}" for path in paths if (status := credential.ours(server, path).status) != 403]
    for path in ("/zarr/v3/zarr.json", "/zarr/v2/.zgroup", "/zarr/v2/.zmetadata", "/zarr/v3/", "/view/", "/ome-zarr/0.4/.zgroup"):
        seen.document(path, allowed=not is_root_refused)
    for node in nodes:
        documents, data = decided(server, credential, node)
        for form in DOCUMENTS + (IMAGE_DOCUMENTS if node in IMAGES else ()):
            seen.document(form.format(node), allowed=documents)
        if node not in FOLDERS:
            below = f"{node}/x" if node in TABLES else node
            forms = ("/zarr/v3/{}/c/0", "/zarr/v2/{}/0") if node in TABLES else CHUNKS
            for form in forms:
                seen.chunk(form.format(below), allowed=data)
        for form in IMAGE_CHUNKS if node in IMAGES else ():
            is_picture = form.startswith(("/thumbnail", "/download"))
            seen.chunk(form.format(node), allowed=data, refused=404 if is_picture and not documents else 403)
    if not is_root_refused:
        seen.found += listed(server, credential, FOLDERS if set(nodes) > FEW else FOLDERS[-1:])
    return seen.found


def listed(server: Server, credential: Credential, folders: Iterable[str]) -> Iterator[str]:
    """Where listings, consolidated documents and pages name other nodes than Tiled's own listings."""
    for folder in ("", *folders):
        answer = credential.get(server, f"/api/v1/search/{folder}?page[limit]=300")
        if answer.status != 200:
            continue
        expected = sorted(item["id"] for item in json.loads(answer.body)["data"])
        found = json.loads(credential.ours(server, f"/zarr/v3/{folder}/", accept="application/json").body)
        document = json.loads(credential.ours(server, f"/zarr/v3/{folder}/zarr.json".replace("//", "/")).body)
        page = credential.ours(server, f"/view/{folder}").body.decode()
        shown = {
            "listing": sorted(child["name"] for child in found["children"]) + sorted(found["unavailable"]),
            "consolidated": sorted({path.partition("/")[0] for path in document["consolidated_metadata"]["metadata"]}),
        }
        yield from (f"{what} of {folder!r}: {names} instead of {expected}" for what, names in shown.items() if names != expected)
        hidden = {node.rpartition("/")[2] for node in (*ARRAYS, *FOLDERS, *TABLES) if node.rpartition("/")[0] == folder} - set(expected)
        yield from (f"page of {folder!r} names {name}" for name in hidden if name in page)
        if f"{len(expected)}</dd>" not in page.replace("\n", ""):
            yield f"page of {folder!r} has another number of children than {len(expected)}"


def test_what_is_in_a_file_has_the_right_of_the_file(server: Server, credentials: dict[str, Credential]) -> None:
    """Tiled's API fails there for all but administrators, since its filters find nothing to filter by."""
    inner = "inner/small"
    for name, node, statuses in (
        ("apikey", "h5_described", (200, 200)),
        ("second user", "h5_shared", (200, 200)),
        ("second user", "h5_described", (200, 403)),
        ("administrator", "h5_described", (200, 200)),
        ("none", "h5_shared", (401, 401)),
    ):
        paths = (f"/zarr/v3/{node}/{inner}/zarr.json", f"/zarr/v3/{node}/{inner}/c/0/0")
        assert tuple(credentials[name].get(server, path).status for path in paths) == statuses, (name, node)
    assert decided(server, credentials["administrator"], f"h5_shared/{inner}") == (True, True)


def test_each_tree_of_a_root_has_its_own_rights(folder: Path, tmp_path: Path) -> None:
    """A mapping in memory that holds catalogs of other tags: Tiled's mapping itself filters nothing."""
    own = copied(folder, tmp_path)
    settings = config(own, folder)
    (catalog,) = settings["trees"]
    tags = {"/open": ["public"], "/closed": ["alices"], "/deep/er": ["shared"]}
    trees = [{**catalog, "path": path, "args": {**catalog["args"], "top_level_access_tags": tag}} for path, tag in tags.items()]
    settings["trees"] = [*trees, {"path": "/memory", "tree": "tests.tiled.trees:tree"}]
    with Server(front(configured(settings))) as server:
        for name in ("alice", "bob"):
            user = Credential({"authorization": f"Bearer {server.login(PROVIDER, name, name)['access_token']}"})
            names = {child["name"] for child in json.loads(user.get(server, "/zarr/v3/", accept="application/json").body)["children"]}
            assert names == {"open", "deep", "memory"} | ({"closed"} if name == "alice" else set())
            nodes = [f"{path[1:]}/{node}" for path in tags for node in ("image_public", "image_bobs", "image_described", "closed")]
            for node in (*nodes, "memory/image"):
                documents, data = decided(server, user, node)
                expected = (200 if documents else 404, 200 if data else 403)
                assert tuple(user.get(server, f"/zarr/v3/{node}/{rest}").status for rest in ("zarr.json", "c/0/0")) == expected, node


def test_interleaved_users_of_a_catalog_get_their_own(server: Server, credentials: dict[str, Credential]) -> None:
    """What a cache holds by then is the other's too: files and stores have revisions, so that their chunks are kept."""
    chance = random.Random(13)
    names = ("apikey", "second user", "administrator")
    paths = [form.format(node) for node in (*IMAGES, *FOLDERS) for form in (*CHUNKS, *IMAGE_CHUNKS, DOCUMENTS[0], DOCUMENTS[4])]
    alone = {(name, path): credentials[name].get(server, path) for name in names for path in paths}
    for _ in range(100):
        chosen = [(chance.choice(names), chance.choice(paths)) for _ in range(4)]
        answers = server.together([Asked(path, headers=credentials[name].headers) for name, path in chosen])
        for one, answer in zip(chosen, answers, strict=True):
            assert (answer.status, answer.body) == (alone[one].status, alone[one].body), one


def test_the_matrix_is_whole(credentials: dict[str, Credential]) -> None:
    assert set(NAMES) == set(credentials)


def test_basic_credentials_hold_a_key(server: Server, credentials: dict[str, Credential]) -> None:
    key = credentials["apikey"].headers["authorization"].split()[1]
    for password, status in ((key, 200), (secrets.token_hex(32), 401)):
        basic = b64encode(f"anyone:{password}".encode()).decode()
        assert server.get("/zarr/v3/image_alices/c/0/0", {"authorization": f"Basic {basic}"}).status == status


def test_keys_in_path_and_query_that_differ_are_refused(server: Server, credentials: dict[str, Credential]) -> None:
    key = credentials["apikey"].headers["authorization"].split()[1]
    assert server.get(f"/k/{key}/zarr/v3/zarr.json?api_key={key}").status == 200
    assert server.get(f"/k/{key}/zarr/v3/zarr.json?api_key=abcd").status == 401
