"""Paths that name a revision: `/@TOKEN/zarr/...` and `/@TOKEN/ome-zarr/...`.

Their replies are immutable, or 410 once the revision has gone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Array, Group, Table
from tiled_zarr.adapters.registry import open_file
from tiled_zarr.hierarchy.tokens import Tokens
from tiled_zarr.nodes import Options
from tiled_zarr.views.options import with_options

IMMUTABLE = "public, max-age=31536000, immutable"
ORIGIN = "http://server"
DATA = np.arange(600 * 600, dtype="<u2").reshape(600, 600)


@dataclass
class Source:
    """An array whose data and revision can be replaced."""

    data: np.ndarray[Any, Any] = field(default_factory=lambda: DATA)
    text: str | None = "r1"
    blocking: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)

    def node(self) -> Array:
        return Array(
            shape=self.data.shape,
            dtype=self.data.dtype,
            read=self.read,
            revision=lambda: self.text,
            blocking=self.blocking,
            attributes=self.attributes,
        )

    def read(self, region: Any) -> Any:
        return self.data[region]


def located(app: Any, path: str, **headers: str) -> str | None:
    """Where a document says that it never changes, as a client resolves it."""
    location = ask(app, path, headers=headers).headers.get("content-location")
    return None if location is None else urlsplit(urljoin(ORIGIN + path, location)).path


def token_of(app: Any, path: str) -> str:
    found = located(app, path)
    assert found is not None
    return found.split("/")[1]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def app(make: Callable[..., Any], source: Source) -> Any:
    column = Source(np.arange(5.0)).node()
    children = {
        "a": source.node(),
        "b": Source().node(),
        "name with & ü": Source().node(),
        "live": Source(text=None).node(),
        "table": Table(children={"x": column, "y": column}, revision=lambda: "r1"),
        "group": Group(children={"a": Source().node()}, revision=lambda: "r1"),
        "labelled": Source(attributes={"tiled_zarr": {"labels": ["mask"]}}).node(),
        "mask": Source(np.zeros((600, 600), "u1")).node(),
    }
    return make(Group(children))


CHUNKS = {
    "/zarr/v2/a/.zarray": ["0.0", ".zattrs"],
    "/zarr/v2/a/.zattrs": ["1.1", ".zarray"],
    "/zarr/v3/a/zarr.json": ["c/0/0", "c/1/1"],
    "/zarr/v3/name%20with%20%26%20%C3%BC/zarr.json": ["c/0/0"],
    "/zarr/v3/table/zarr.json": ["x/zarr.json", "x/c/0", "y/c/0"],
    "/zarr/v2/table/.zmetadata": [".zgroup", ".zattrs", "x/.zarray", "y/0"],
    "/zarr/v3/table/x/zarr.json": ["c/0"],
    "/zarr/v3/group/a/zarr.json": ["c/0/0"],
    "/ome-zarr/0.4/a/.zattrs": [".zgroup", "0/.zarray", "0/0/0", "1/0/0"],
    "/ome-zarr/0.5/a/zarr.json": ["0/zarr.json", "0/c/1/1", "1/zarr.json", "1/c/0/0"],
    "/ome-zarr/0.5/a/1/zarr.json": ["c/0/0"],
}


@pytest.mark.parametrize("path", CHUNKS)
def test_what_a_document_locates_is_the_same_and_immutable(app: Any, path: str) -> None:
    document, location = ask(app, path), located(app, path)
    assert location is not None
    assert location.startswith("/@")
    for key in ["", *CHUNKS[path]]:
        plain, frozen = (ask(app, urljoin(at, key)) for at in (path, location))
        assert (plain.status, frozen.status) == (200, 200), key
        assert (plain.headers["cache-control"], frozen.headers["cache-control"]) == ("no-cache", IMMUTABLE), key
        assert plain.body == frozen.body, key
        is_document = frozen.headers["content-type"] == "application/json"
        assert is_document or plain.headers["etag"] == frozen.headers["etag"], key
        head = ask(app, urljoin(location, key), "HEAD")
        assert (head.status, head.headers) == (200, frozen.headers)
        same = ask(app, urljoin(location, key), headers={"if-none-match": frozen.headers["etag"]})
        assert (same.status, same.headers["cache-control"]) == (304, IMMUTABLE)
        part = ask(app, urljoin(location, key), headers={"range": "bytes=1-3"})
        assert (part.status, part.body, part.headers["cache-control"]) == (206, frozen.body[1:4], IMMUTABLE)
    unmodified = ask(app, path, headers={"if-none-match": document.headers["etag"]})
    assert (unmodified.status, unmodified.headers["content-location"]) == (304, document.headers["content-location"])


@pytest.mark.parametrize("path", ["/zarr/v3/zarr.json", "/zarr/v2/.zmetadata", "/zarr/v3/group/zarr.json", "/zarr/v3/live/zarr.json"])
def test_what_changes_unseen_has_no_token(app: Any, path: str) -> None:
    assert located(app, path) is None


def test_an_image_with_labels_has_no_token_and_its_levels_have(app: Any) -> None:
    """Labels have revisions of their own."""
    assert ask(app, "/ome-zarr/0.5/labelled/labels/zarr.json").status == 200
    assert located(app, "/ome-zarr/0.5/labelled/zarr.json") is None
    assert located(app, "/ome-zarr/0.5/labelled/0/zarr.json") is not None
    assert located(app, "/ome-zarr/0.5/labelled/labels/mask/zarr.json") is not None


def test_a_store_of_chunks_has_a_token_only_if_it_is_frozen(make: Callable[..., Any], tmp_path: Path) -> None:
    import zarr

    zarr.create_array(tmp_path / "z.zarr", data=DATA, chunks=(100, 100))
    tree = Group({"z": open_file(tmp_path / "z.zarr"), "g": Group({"a": Source(text=None).node()})})
    assert located(make(tree), "/zarr/v3/z/zarr.json") is None
    app = make(with_options(tree, {"z": Options(frozen=True), "g": Options(frozen=True)}))
    for path, keys in {"/zarr/v3/z/zarr.json": ["c/0/0"], "/zarr/v3/g/zarr.json": ["a/zarr.json", "a/c/0/0"]}.items():
        location = located(app, path)
        assert location is not None
        for key in ["", *keys]:
            answer = ask(app, urljoin(location, key))
            assert (answer.status, answer.headers["cache-control"]) == (200, IMMUTABLE), key


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_revision_that_has_gone_is_410(make: Callable[..., Any], method: str, blocking: bool) -> None:
    source = Source(blocking=blocking)
    app = make(Group({"a": source.node()}))
    zarr, ome = token_of(app, "/zarr/v3/a/zarr.json"), token_of(app, "/ome-zarr/0.5/a/zarr.json")
    keys = [f"/{zarr}/zarr/v3/a/{key}" for key in ("zarr.json", "c/0/0", "c/9/9", "c", "nothing", ".zarray", "")]
    keys += [f"/{ome}/ome-zarr/0.5/a/{key}" for key in ("zarr.json", "0/c/0/0", "1/c/0/0", "1/zarr.json", "labels/zarr.json")]
    statuses = [ask(app, key, method).status for key in keys]
    assert statuses == [200, 200, 404, 200, 404, 404, 200, 200, 200, 200, 200, 404]
    source.data, source.text = DATA + 1, "r2"
    answers = [ask(app, key, method) for key in keys]
    assert [(answer.status, answer.headers["cache-control"]) for answer in answers] == [(410, "no-store")] * len(keys)
    assert ask(app, "/zarr/v3/a/c/0/0").status == 200
    assert token_of(app, "/zarr/v3/a/zarr.json") != zarr


def test_a_document_has_another_tag_when_it_leads_elsewhere(app: Any, source: Source) -> None:
    """A cache that revalidates must not keep the old Content-Location.

    nginx would keep it, whatever a 304 says.
    """
    before = ask(app, "/zarr/v3/a/zarr.json")
    source.data, source.text = DATA + 1, "r2"
    after = ask(app, "/zarr/v3/a/zarr.json", headers={"if-none-match": before.headers["etag"]})
    assert (after.status, after.body) == (200, before.body)
    assert after.headers["content-location"] != before.headers["content-location"]


def test_what_has_gone_with_its_node_is_410(make: Callable[..., Any]) -> None:
    children: dict[str, Any] = {"a": Source().node()}
    app = make(Group(children))
    token = token_of(app, "/zarr/v3/a/zarr.json")
    del children["a"]
    assert [ask(app, f"/{token}/zarr/v3/a/{key}").status for key in ("zarr.json", "c/0/0", "c")] == [410] * 3


def test_names_of_axes_that_may_give_way_are_not_immutable(make: Callable[..., Any]) -> None:
    """A sibling of another size renames the axes of a loose array, whose own revision stays."""
    named = {"dtype": np.dtype("u1"), "dimension_names": ("y", "x"), "revision": lambda: "r1", "blocking": False}
    one, two = (Array(shape=data.shape, read=data.__getitem__, **named) for data in (np.zeros((30, 40), "u1"), np.zeros((50, 60), "u1")))
    children = {"one": one}
    app = make(Group(children))
    token = token_of(app, "/zarr/v3/one/zarr.json")
    before = ask(app, f"/{token}/zarr/v3/one/zarr.json")
    children["two"] = two
    after = ask(app, f"/{token}/zarr/v3/one/zarr.json", headers={"if-none-match": before.headers["etag"]})
    assert [json.loads(answer.body)["dimension_names"] for answer in (before, after)] == [["y", "x"], ["y_30", "x_40"]]
    assert (before.headers["cache-control"], after.status) == ("no-cache", 200)
    assert "immutable" in ask(app, f"/{token}/zarr/v3/one/c/0/0").headers["cache-control"]


def test_a_token_is_of_no_use_for_another_node(app: Any) -> None:
    token, level = token_of(app, "/zarr/v3/a/zarr.json"), token_of(app, "/ome-zarr/0.5/a/0/zarr.json")
    others = ["zarr/v3/b/zarr.json", "zarr/v3/b/c/0/0", "zarr/v3/group/a/c/0/0", "zarr/v2/a/0.0", "zarr/v3/zarr.json", "zarr/v3/"]
    others += ["ome-zarr/0.5/a/0/c/0/0", "ome-zarr/0.5/a/zarr.json", "zarr/v3/table/x/c/0", "zarr/v3/live/c/0/0"]
    assert {key: ask(app, f"/{token}/{key}").status for key in others} == dict.fromkeys(others, 410)
    assert [ask(app, f"/{level}/ome-zarr/0.5/a/{key}").status for key in ("0/c/0/0", "1/c/0/0", "zarr.json")] == [200, 410, 410]


@pytest.mark.parametrize("token", ["@", "@x", "@%00", "@%2e%2e", "@" + "a" * 300, "@ü"])
def test_no_token_is_410(app: Any, token: str) -> None:
    keys = ["zarr/v3/a/c/0/0", "zarr/v3/a/zarr.json", "zarr/v2/nothing", "ome-zarr/0.4/a/.zattrs"]
    assert [ask(app, f"/{token}/{key}").status for key in keys] == [410] * 4
    assert [ask(app, f"/{token}/{key}").status for key in ("", "zarr", "zarr/v4/a", "view/a")] == [404] * 4


def test_a_chunk_that_is_computed_while_the_source_changes_is_410(make: Callable[..., Any]) -> None:
    """The old token never gets the new data.

    A client of the plain path that waits for the same body does.
    """
    source, reading, go_on = Source(blocking=True), threading.Event(), threading.Event()

    def read(region: Any) -> Any:
        reading.set()
        go_on.wait(60)
        return source.data[region].copy()

    app = make(Group({"a": replace(source.node(), source=replace(source.node().dense, read=read))}))
    token = token_of(app, "/zarr/v3/a/zarr.json")
    answers: dict[str, Any] = {}

    def get(path: str) -> None:
        answers[path] = ask(app, path)

    threads = [threading.Thread(target=get, args=(path,)) for path in (f"/{token}/zarr/v3/a/c/0/0", "/zarr/v3/a/c/0/0")]
    threads[0].start()
    assert reading.wait(60)
    threads[1].start()
    source.data, source.text = DATA + 1, "r2"
    go_on.set()
    for thread in threads:
        thread.join(60)
    frozen, plain = (answers[path] for path in (f"/{token}/zarr/v3/a/c/0/0", "/zarr/v3/a/c/0/0"))
    assert (frozen.status, plain.status) == (410, 200)
    assert plain.body == ask(make(Group({"a": Source(DATA + 1).node()})), "/zarr/v3/a/c/0/0").body


@pytest.mark.parametrize("turn", range(6))
def test_a_source_that_changes_between_two_looks_is_410(make: Callable[..., Any], turn: int) -> None:
    """The revision changes at any look at it: the answer is the whole old chunk, or 410."""
    source, looks = Source(), iter(range(100))
    old = ask(make(Group({"a": Source().node()})), "/zarr/v3/a/c/0/0").body

    def revision() -> str | None:
        if next(looks) == turn:
            source.data, source.text = DATA + 1, "r2"
        return source.text

    app = make(Group({"a": replace(source.node(), revision=replace(source.node().revision, whole=revision))}))
    token = token_of(make(Group({"a": Source().node()})), "/zarr/v3/a/zarr.json")
    answer = ask(app, f"/{token}/zarr/v3/a/c/0/0")
    assert (answer.status, answer.body) == (200, old) or answer.status == 410


def test_samples_under_a_token_are_asked_for_again(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The levels that show samples become exact, and the token stays."""
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.Background.request", lambda *_: None)
    app = make(Group({"a": Source(blocking=True).node()}), tile_budget=1)
    location = located(app, "/ome-zarr/0.5/a/zarr.json")
    assert location is not None
    keys = ["0/c/0/0", "1/c/0/0", "zarr.json"]
    assert [ask(app, urljoin(location, key)).headers["cache-control"] for key in keys] == [IMMUTABLE, "no-cache", "no-cache"]
    frozen = make(with_options(Group({"a": Source(blocking=True).node()}), {"a": Options(frozen=True)}), tile_budget=1)
    assert [ask(frozen, f"/ome-zarr/0.5/a/{key}").headers["cache-control"] for key in keys] == [IMMUTABLE, "no-cache", "no-cache"]


def test_a_token_depends_on_how_chunks_are_served(make: Callable[..., Any]) -> None:
    """A client that has a document must not get chunks in another codec or grid after a restart."""
    tree = Group({"a": Source().node()})
    apps = [make(tree), make(tree, codec="zstd:3"), make(tree, chunk_shape=(100, 100))]
    apps += [make(with_options(tree, {"a": Options(codec="zstd:3")})), make(Group({"a": Source(text="r2").node()}))]
    tokens = [token_of(app, "/zarr/v3/a/zarr.json") for app in apps]
    assert len(set(tokens)) == len(tokens)
    assert token_of(make(tree), "/zarr/v3/a/zarr.json") == tokens[0]


def test_private_data_stay_private(make: Callable[..., Any]) -> None:
    app, key = make(Group({"a": Source().node()}), public=False, api_key="secret"), {"authorization": "Apikey secret"}
    for path in ("/zarr/v3/a/zarr.json", "/zarr/v3/a/zarr.json?api_key=secret"):
        location = ask(app, path, headers={} if "?" in path else key).headers["content-location"]
        assert "secret" not in location
    path = urlsplit(urljoin(f"{ORIGIN}/zarr/v3/a/zarr.json", location)).path
    assert ask(app, path).status == 401
    answer = ask(app, path, headers=key)
    assert (answer.status, answer.headers["cache-control"]) == (200, "private, max-age=31536000, immutable")


ADDRESSES = {
    "/zarr/v3/a/zarr.json": {},
    "/zarr/v3/a/zarr.json?x=1": {},
    "/mounted/zarr/v3/a/zarr.json": {"root_path": "/mounted"},
}


@pytest.mark.parametrize("path", ADDRESSES)
def test_locations_are_relative_to_what_was_asked_for(app: Any, path: str) -> None:
    answer = ask(app, path, **ADDRESSES[path])
    root = ADDRESSES[path].get("root_path", "")
    found = urlsplit(urljoin(ORIGIN + path, answer.headers["content-location"])).path
    token = token_of(app, "/zarr/v3/a/zarr.json")
    assert found == f"{root}/{token}/zarr/v3/a/zarr.json"
    assert ask(app, found, **ADDRESSES[path]).body == answer.body


def test_paths_with_runs_of_slashes_have_no_location(app: Any) -> None:
    """urllib and browsers resolve addresses relative to them differently."""
    assert located(app, "//zarr/v3/a/zarr.json") is located(app, "/zarr/v3//a/zarr.json") is None


def test_scripts_of_other_origins_read_the_location(make: Callable[..., Any]) -> None:
    app = make(Group({"a": Source().node()}), allow_origins=("*",))
    answer = ask(app, "/zarr/v3/a/zarr.json", headers={"origin": "https://a.example"})
    assert "content-location" in answer.headers["access-control-expose-headers"].split(", ")


def test_listings_name_the_tokens(app: Any) -> None:
    listed = json.loads(ask(app, "/zarr/v3/", headers={"accept": "application/json"}).body)["children"]
    tokens = {child["name"]: child["token"] for child in listed}
    assert {name for name, token in tokens.items() if token is None} == {"live", "group"}
    for name in ("a", "table"):
        assert f"@{tokens[name]}" == token_of(app, f"/zarr/v3/{name}/zarr.json")
    below = json.loads(ask(app, f"/@{tokens['table']}/zarr/v3/table/", headers={"accept": "application/json"}).body)
    assert (below["path"], [child["name"] for child in below["children"]]) == ("table", ["x", "y"])


def test_plain_chunks_do_not_pay(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tokens, "of", lambda *_: pytest.fail("asked for a token"))
    monkeypatch.setattr(Tokens, "pin", lambda *_: pytest.fail("looked up a token"))
    assert [ask(app, "/zarr/v3/a/c/0/0").status for _ in range(3)] == [200] * 3
