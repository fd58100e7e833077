"""Views per caller: who asks decides which tree, and nothing of one caller's reaches another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from asgi import Answer, ask, asked, scope_of
from tiled_zarr import Array, Group, Node
from tiled_zarr.app import create_app
from tiled_zarr.http.middleware import callers
from tiled_zarr.http.middleware.callers import Caller, Identify
from tiled_zarr.http.protocol import keys, replies
from tiled_zarr.http.protocol.replies import Reply
from tiled_zarr.nodes import LIVE, Block, Dense, Forbidden, Region, Revision, Unauthenticated
from tiled_zarr.settings import Settings

DATA = np.arange(300 * 300, dtype="<u2").reshape(300, 300)


@dataclass
class Sources:
    """Arrays, and the reads of each."""

    reads: list[str] = field(default_factory=list)

    def array(self, name: str) -> Array:
        def read(region: Region) -> Block:
            self.reads.append(name)
            return DATA[region]

        return Array(shape=DATA.shape, dtype=DATA.dtype, read=read, revision=lambda: f"{name} 1", blocking=True)


def refused(_: Region | None = None) -> Any:
    raise Forbidden("you may not read these data")


def withheld(node: Array) -> Array:
    """An array whose documents a caller may read, and whose data they may not."""
    return replace(node, source=Dense(refused), revision=Revision(LIVE.whole, refused))


@pytest.fixture
def sources() -> Sources:
    return Sources()


@pytest.fixture
def trees(sources: Sources) -> dict[str, Group]:
    """The tree of each caller."""
    both, of_a, of_b = sources.array("both"), sources.array("a"), sources.array("b")
    shared: dict[str, Node] = {"both": both, "folder": Group({"deep": both})}
    return {
        "a": Group({**shared, "secret": of_a, "of_a": of_a}),
        "b": Group({**shared, "secret": withheld(of_a), "of_b": of_b}),
        "none": Group(shared),
        "all": Group({**shared, "secret": of_a, "of_a": of_a, "of_b": of_b}),
    }


def identified(trees: dict[str, Group], seen: list[str | None] | None = None) -> Identify:
    """Says who asks: the key is the caller's name; `down` cannot be asked."""

    async def identify(scope: Any) -> Caller | Reply:
        chosen, added, *_ = keys.given(scope)
        given = [*chosen, *added]
        in_path = keys.in_prefix(scope)
        name = in_path if in_path is not None else given[0].decode() if given else "none"
        if seen is not None:
            seen.append(in_path)
        await asyncio.sleep(0)
        if name == "down":
            raise ConnectionError("nobody answers")
        if name not in trees:
            return replies.UNAUTHORIZED
        is_signed_in = name != "none"
        return Caller(
            identity=name, root=lambda: trees[name], is_public=not is_signed_in, is_signed_in=is_signed_in, sees_all=name == "all"
        )

    return identify


@pytest.fixture
def app(trees: dict[str, Group]) -> Any:
    return create_app(Group({}), Settings(), identify=identified(trees))


def get(app: Any, path: str, name: str | None = None, method: str = "GET", **headers: str) -> Answer:
    return ask(app, path, method, {**({} if name is None else {"authorization": f"Apikey {name}"}), **headers})


def names(app: Any, name: str | None) -> list[str]:
    listing = json.loads(get(app, "/zarr/v3/", name, accept="application/json").body)
    return [child["name"] for child in listing["children"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", ["both", "folder", "secret", "of_a"]), ("b", ["both", "folder", "secret", "of_b"]), (None, ["both", "folder"])],
)
def test_each_caller_sees_their_tree(app: Any, name: str | None, expected: list[str]) -> None:
    assert names(app, name) == expected
    document = json.loads(get(app, "/zarr/v3/zarr.json", name).body)
    assert sorted(document["consolidated_metadata"]["metadata"]) == sorted([*expected, "folder/deep"])
    consolidated = json.loads(get(app, "/zarr/v2/.zmetadata", name).body)["metadata"]
    assert {key.partition("/")[0] for key in consolidated} - {".zgroup", ".zattrs"} == set(expected)
    page = get(app, "/", name).body.decode()
    assert {child for child in ("of_a", "of_b", "secret") if f">{child}<" in page} == set(expected) & {"of_a", "of_b", "secret"}


CHUNKS = ("/zarr/v3/{}/c/0/0", "/zarr/v2/{}/0.0", "/ome-zarr/0.4/{}/0/0/0", "/ome-zarr/0.5/{}/0/c/0/0")
DOCUMENTS = ("/zarr/v3/{}/zarr.json", "/zarr/v2/{}/.zarray", "/zarr/v2/{}/.zattrs", "/ome-zarr/0.4/{}/.zattrs", "/zarr/v3/{}/", "/view/{}")
KINDS = ("of_a", "nothing", "folder/of_a", "of_a/below")


@pytest.mark.parametrize("hidden", KINDS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_hidden_is_absent_and_its_chunks_are_refused(app: Any, hidden: str, method: str) -> None:
    """Whether it exists or not: 403 for who has signed in, 401 for who has not."""
    for path in DOCUMENTS:
        for name in ("b", None):
            assert get(app, path.format(hidden), name, method).status == 404, (path, name)
    for path in CHUNKS:
        assert get(app, path.format(hidden), "b", method).status == 403, path
        answer = get(app, path.format(hidden), None, method)
        assert (answer.status, "www-authenticate" in answer.headers) == (401, True), path
        assert get(app, path.format("nothing"), "b").body == get(app, path.format("of_a"), "b").body, path


def test_who_sees_all_gets_404_for_what_does_not_exist(app: Any) -> None:
    assert {get(app, path.format("nothing"), "all").status for path in CHUNKS} == {404}
    assert {get(app, path.format("of_b"), "all").status for path in CHUNKS} == {200}


@pytest.mark.parametrize("key", ["both/c/9/9", "both/c/00/0", "both/c/0", "folder/c", "c/0/0", "of_a/c/00/0", "of_a/c/0/x"])
def test_what_is_no_chunk_of_a_hidden_array_is_404(app: Any, key: str) -> None:
    expected = 200 if key == "both/c/0" else 404  # the first is a folder of chunks
    assert get(app, f"/zarr/v3/{key}", "b").status == expected


def test_a_propfind_is_refused_alike(app: Any) -> None:
    assert get(app, "/zarr/v3/of_a/c/0/0", "b", "PROPFIND", depth="0").status == 403
    assert get(app, "/zarr/v3/of_a/", "b", "PROPFIND", depth="1").status == 404
    assert b"of_a" not in get(app, "/zarr/v3/", "b", "PROPFIND", depth="1").body


WAYS = {"get": ("GET", {}), "head": ("HEAD", {}), "range": ("GET", {"range": "bytes=0-9"}), "any": ("GET", {"if-none-match": "*"})}


@pytest.mark.parametrize(("method", "headers"), WAYS.values(), ids=WAYS)
def test_documents_without_data(app: Any, sources: Sources, method: str, headers: dict[str, str]) -> None:
    """What another caller has read and the cache holds is refused too, and nothing is read."""
    for path in CHUNKS:
        assert get(app, path.format("secret"), "a").status == 200
    tags = [get(app, path.format("secret"), "a").headers["etag"] for path in CHUNKS[:2]]
    location = get(app, "/zarr/v3/secret/zarr.json", "a").headers["content-location"]
    token = next(part for part in location.split("/") if part.startswith("@"))
    sources.reads.clear()
    for path in CHUNKS:
        assert get(app, path.format("secret"), "b", method, **headers).status == 403, path
        assert get(app, f"/{token}{path.format('secret')}", "b", method, **headers).status in {403, 410}, path
    for path, tag in zip(CHUNKS[:2], tags, strict=True):
        assert get(app, path.format("secret"), "a", **{"if-none-match": tag}).status == 304
        assert get(app, path.format("secret"), "b", **{"if-none-match": tag}).status == 403
        assert get(app, f"/{token}/zarr/v3/secret/c/0/0", "b", **{"if-none-match": tag}).status == 403
    assert get(app, "/thumbnail/secret.png", "b").status == 403
    assert {get(app, path.format("secret"), "b").status for path in DOCUMENTS} == {200}
    assert sources.reads == []


def test_the_documents_of_what_is_withheld_hold_no_values(app: Any) -> None:
    mine, theirs = (json.loads(get(app, "/ome-zarr/0.4/secret/.zattrs", name).body) for name in ("a", "b"))
    assert "window" in json.dumps(mine)
    assert "window" not in json.dumps(theirs)


def test_the_cache_is_shared(app: Any, sources: Sources) -> None:
    bodies = [get(app, "/zarr/v3/both/c/0/0", name).body for name in ("a", "b", None)]
    assert len(set(bodies)) == 1
    assert sources.reads == ["both"]


@pytest.mark.parametrize(
    "path", ["/zarr/v3/both/c/0/0", "/zarr/v3/both/zarr.json", "/zarr/v3/", "/", "/view/folder", "/thumbnail/both.png"]
)
def test_only_public_replies_may_be_shared(app: Any, path: str) -> None:
    assert get(app, path, "a").headers["cache-control"] == "private, no-cache"
    assert get(app, path).headers["cache-control"] == "no-cache"


def test_a_revision_in_the_path_is_private(app: Any) -> None:
    location = get(app, "/zarr/v3/both/zarr.json", "a").headers["content-location"]
    token = next(part for part in location.split("/") if part.startswith("@"))
    assert get(app, f"/{token}/zarr/v3/both/c/0/0", "a").headers["cache-control"] == "private, max-age=31536000, immutable"
    assert get(app, f"/{token}/zarr/v3/both/c/0/0").headers["cache-control"] == "public, max-age=31536000, immutable"


def test_replies_of_identify_are_sent(app: Any) -> None:
    assert get(app, "/zarr/v3/both/c/0/0", "wrong").status == 401
    assert get(app, "/zarr/v3/both/c/0/0", "down").status == 503
    assert get(app, "/", "wrong").status == 401


def test_probes_need_nobody_and_metrics_need_someone(app: Any) -> None:
    assert get(app, "/healthz", "down").status == 200
    assert get(app, "/readyz", "wrong").status == 200
    assert (get(app, "/metrics").status, get(app, "/metrics", "a").status, get(app, "/metrics", "wrong").status) == (401, 200, 401)


def test_a_key_in_the_path_names_the_caller(trees: dict[str, Group]) -> None:
    seen: list[str | None] = []
    app = create_app(Group({}), Settings(), identify=identified(trees, seen))
    assert get(app, "/k/a/zarr/v3/of_a/zarr.json").status == 200
    assert get(app, "/k/b/zarr/v3/of_a/zarr.json").status == 404
    assert get(app, "/k/wrong/zarr/v3/of_a/zarr.json").status == 401
    answer = get(app, "/k/a")
    assert (answer.status, answer.headers["location"]) == (307, "./a/")
    assert get(app, "/k//").status == 401
    assert seen == ["a", "b", "wrong", "a", ""]
    assert "/k/a/zarr/v3/folder" in get(app, "/k/a/view/folder", None, host="localhost").body.decode()


@pytest.mark.parametrize("path", ["/k/secret-key/zarr/v3/", "/zarr/v3/?api_key=secret-key", "/k/secret-key", "/k/secret-key/k/secret-key/"])
def test_keys_are_hidden_from_logs(app: Any, path: str) -> None:
    """Servers write their access logs from the scope that they have passed on."""
    scope = scope_of(path, headers={"referer": "http://localhost/k/secret-key/"})

    async def nothing(_: Any = None) -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(app(scope, nothing, nothing))
    assert "secret-key" not in str(scope)


def test_callers_are_kept_in_bounded_number(trees: dict[str, Group], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers.Callers.__init__, "__defaults__", (2,))
    made: list[str] = []

    def rooted(name: str) -> Callable[[], Group]:
        def root() -> Group:
            made.append(name)
            return trees["none"]

        return root

    async def identify(scope: Any) -> Caller | Reply:
        name = keys.given(scope)[0][0].decode()
        return Caller(identity=name, root=rooted(name))

    app = create_app(Group({}), Settings(), identify=identify)
    for name in ["x", "y", "x", "z", "x", "y"]:
        get(app, "/zarr/v3/both/zarr.json", name)
    assert made == ["x", "y", "z", "y"]


def test_interleaved_callers_get_their_own(app: Any) -> None:
    """While one waits for a thread, another is answered."""

    async def all_at_once() -> Iterator[Answer]:
        headers = [{"authorization": f"Apikey {name}"} for name in "ab"]
        return iter(
            await asyncio.gather(*(asked(app, f"/zarr/v3/of_{which}/c/0/0", headers=headers[n % 2]) for n, which in enumerate("aabbaabb")))
        )

    assert [answer.status for answer in asyncio.run(all_at_once())] == [200, 403, 403, 200, 200, 403, 403, 200]


def test_without_identify_nothing_is_hidden_or_changed(trees: dict[str, Group]) -> None:
    app = create_app(trees["none"], Settings(api_key="key"))
    assert get(app, "/zarr/v3/of_a/c/0/0", "key").status == 404
    assert get(app, "/zarr/v3/", "key").headers["cache-control"] == "no-cache"


def test_faults_of_nodes_have_their_status() -> None:
    def unsigned(_: Region) -> Any:
        raise Unauthenticated("sign in first")

    tree = Group(
        {"signed": replace(Sources().array("x"), source=Dense(refused)), "unsigned": replace(Sources().array("x"), source=Dense(unsigned))}
    )
    app = create_app(tree, Settings(public=True))
    assert (get(app, "/zarr/v3/signed/c/0/0").status, get(app, "/zarr/v3/signed/c/0/0").body) == (403, b"you may not read these data\n")
    answer = get(app, "/zarr/v3/unsigned/c/0/0")
    assert (answer.status, answer.body, "www-authenticate" in answer.headers) == (401, b"sign in first\n", True)
