"""In front of a Tiled server: which paths are ours, who may read, and what settings and errors do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import numcodecs
import numpy as np
import pytest
from tests.tiled.serving import HTTP, Asked, Server, built
from tests.tiled.trees import IMAGE, SMALL, tree
from tiled.access_control.access_policies import DummyAccessPolicy
from tiled.adapters.array import ArrayAdapter
from tiled.config import Authentication

from asgi import Answer, asked, scope_of
from tiled_zarr.ome import Pyramids
from tiled_zarr.settings import Settings, SettingsError
from tiled_zarr.tiled import front
from tiled_zarr.tiled.server import asking

KEY = "secret"
RIGHT = {"authorization": f"Apikey {KEY}"}
WRONG = {"authorization": "Apikey wrong"}


def single(adapter: Any = None, **settings: Any) -> Any:
    """Tiled's application for a single user."""
    return built(tree() if adapter is None else adapter, Authentication(single_user_api_key=KEY, **settings))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(front(single())) as running:
        yield running


@pytest.fixture(scope="module")
def alone() -> Iterator[Server]:
    """Tiled without us."""
    with Server(single()) as running:
        yield running


def chunk(server: Server, path: str, index: str, headers: dict[str, str]) -> np.ndarray[Any, Any]:
    """A chunk of a v2 array, decoded by numcodecs."""
    document = json.loads(server.get(f"/zarr/v2/{path}/.zarray", headers).body)
    body = numcodecs.get_codec(document["compressor"]).decode(server.get(f"/zarr/v2/{path}/{index}", headers).body)
    return np.frombuffer(body, document["dtype"]).reshape(document["chunks"])


OURS = {
    "/zarr/v3/": 200,
    "/zarr/v3/zarr.json": 200,
    "/zarr/v2/.zmetadata": 200,
    "/zarr/v3/image/c/0/0": 200,
    "/zarr/v2/folder/small/0.0": 200,
    "/zarr/v3/table/x/c/0": 200,
    "/ome-zarr/0.4/image/.zattrs": 200,
    "/ome-zarr/0.5/image/0/c/0/0": 200,
    "/view/": 200,
    "/view/image": 200,
    "/view/folder": 200,
    "/thumbnail/image.png": 200,
    "/thumbnail/table/x.svg": 200,
    "/download/image.npy": 200,
    "/download/table.csv": 200,
    "/zarr/v3/nothing/c/0/0": 404,
    "/zarr/v3/nothing/zarr.json": 404,
    "/zarr/v3/image/c/9/9": 404,
}


@pytest.mark.parametrize("path", OURS)
def test_the_key_of_the_single_user_reads_all(server: Server, path: str) -> None:
    assert server.get(path, RIGHT).status == OURS[path]
    assert server.get(f"{path}?api_key={KEY}").status == OURS[path]
    assert server.get(path, {"cookie": f"tiled_api_key={KEY}"}).status == OURS[path]
    assert server.get(f"/k/{KEY}{path}").status == OURS[path]
    assert {server.get(path, headers).status for headers in ({}, WRONG, {"cookie": "tiled_api_key=wrong"})} == {401}
    assert server.get(f"/k/wrong{path}").status == 401


def test_values_are_those_of_the_adapters(server: Server) -> None:
    assert (chunk(server, "image", "0.0", RIGHT)[:300, :300] == IMAGE).all()
    assert (chunk(server, "folder/small", "0.0", RIGHT)[:3] == SMALL).all()


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/", "/zarr", "/zarr/v4/", "/static/", "/metrics", "/readyz"])
def test_all_other_paths_are_tileds(server: Server, alone: Server, path: str) -> None:
    expected, found = alone.get(path, RIGHT), server.get(path, RIGHT)
    assert (found.status, "x-tiled-request-id" in found.headers) == (expected.status, True)
    assert found.headers["content-type"] == expected.headers["content-type"]


def test_a_key_in_the_query_of_tileds_page_is_a_cookie_for_us(server: Server) -> None:
    """Tiled sets the cookie; we read it."""
    cookies = [value.decode() for name, value in server.get(f"/?api_key={KEY}").messages[0]["headers"] if name == b"set-cookie"]
    cookie = next(value.partition(";")[0] for value in cookies if value.startswith("tiled_api_key"))
    answer = server.get("/zarr/v3/image/c/0/0", {"cookie": cookie})
    assert (answer.status, "set-cookie" in answer.headers) == (200, False)


def test_websockets_are_tileds(server: Server) -> None:
    said: list[str] = []

    async def opened() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, Any]) -> None:
            said.append(message["type"])

        scope = {**scope_of("/api/v1/nothing", headers={"host": "localhost"}), "type": "websocket", "subprotocols": []}
        await server.app(scope, receive, send)

    server.run(opened())
    assert said == ["websocket.close"]


def test_our_root_page_is_below_view(server: Server) -> None:
    answer = server.get("/view", RIGHT)
    assert (answer.status, answer.headers["location"]) == (307, "./view/")
    page = server.get("/view/folder", RIGHT).body.decode()
    assert '<a href="../view/">tiled-zarr</a>' in page
    assert ">small<" in page


def test_below_a_root_path(server: Server) -> None:
    """As behind a proxy that passes the whole path on."""

    def get(path: str, headers: dict[str, str] = RIGHT) -> Answer:
        return server.run(asked(server.app, f"/tiled{path}", headers={"host": "localhost", **headers}, **HTTP | {"root_path": "/tiled"}))

    assert get("/zarr/v3/image/c/0/0").status == get("/view/").status == get("/api/v1/metadata/image").status == 200
    assert get("/zarr/v3/image/c/0/0", WRONG).status == 401
    assert f"/tiled/k/{KEY}/zarr/v3/folder" in get(f"/k/{KEY}/view/folder", {}).body.decode()


def test_the_route_of_ours_tells_nobody(server: Server) -> None:
    assert server.get(asking.PATH, RIGHT).status == 404


def test_tasks_of_the_tree_run(tmp_path: Any) -> None:
    ran: list[str] = []

    def task(name: str) -> Callable[[], Any]:
        async def run() -> None:
            ran.append(name)

        return run

    root = tree()
    root.startup_tasks, root.shutdown_tasks = [task("startup")], [task("shutdown")]
    with Server(front(single(root))) as running:
        assert ran == ["startup"]
        assert running.get("/zarr/v3/image/c/0/0", RIGHT).status == 200
    assert ran == ["startup", "shutdown"]


def test_threads_may_ask_the_loop_until_they_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that makes levels reads catalogs by way of the loop, also while the server ends."""
    close, asked_in_time = Pyramids.close, []

    def closes(pyramids: Pyramids) -> None:
        asked_in_time.append(asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "answer"), running.loop).result(10))
        close(pyramids)

    monkeypatch.setattr(Pyramids, "close", closes)
    with Server(front(single())) as running:
        assert running.get("/zarr/v3/image/c/0/0", RIGHT).status == 200
    assert asked_in_time == ["answer"]


def test_a_startup_that_fails_is_reported() -> None:
    async def fails() -> None:
        raise RuntimeError("no database")

    root = tree()
    root.startup_tasks = [fails]
    heard: list[str] = []

    async def lives() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: dict[str, Any]) -> None:
            heard.append(message["type"])

        await front(single(root))({"type": "lifespan"}, receive, send)

    with pytest.raises(RuntimeError, match="no database"):
        asyncio.run(lives())
    assert heard == ["lifespan.startup.failed"]


def test_many_requests_are_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[Any] = []
    ask = asking.ask

    async def counted(*args: Any) -> Any:
        questions.append(args[1])
        return await ask(*args)

    monkeypatch.setattr(asking, "ask", counted)
    with Server(front(single())) as running:
        answers = running.together(
            [Asked("/zarr/v3/image/c/0/0", headers=RIGHT)] * 20 + [Asked("/zarr/v3/image/c/0/0", headers=WRONG)] * 20
        )
    assert [answer.status for answer in answers] == [200] * 20 + [401] * 20
    assert len(questions) == 2


def test_everyone_may_read_a_public_server() -> None:
    with Server(front(single(allow_anonymous_access=True))) as running:
        for path, status in OURS.items():
            assert running.get(path).status == status, path
        assert running.get("/zarr/v3/image/c/0/0", WRONG).status == 401
        assert running.get("/zarr/v3/image/zarr.json").headers["cache-control"] == "no-cache"
        assert running.get("/zarr/v3/image/zarr.json", RIGHT).headers["cache-control"] == "private, no-cache"


def test_a_policy_that_allows_all_hides_nothing() -> None:
    app = built(tree(), Authentication(single_user_api_key=KEY), access_policy=DummyAccessPolicy())
    with Server(front(app)) as running:
        allowed = {path: status for path, status in OURS.items() if "nothing/c" not in path}
        assert {path: running.get(path, RIGHT).status for path in allowed} == allowed
        assert running.get("/zarr/v3/nothing/c/0/0", RIGHT).status == 403  # it may be hidden, for all that the caller can tell


def test_a_root_that_is_an_array() -> None:
    with Server(front(single(ArrayAdapter.from_array(SMALL)))) as running:
        assert running.get("/zarr/v3/data/c/0/0", RIGHT).status == 200


def test_our_settings_hold() -> None:
    settings = Settings(codec="zstd", chunk_shape=(128, 128), allow_origins=("https://ours.example",))
    with Server(
        front(built(tree(), Authentication(single_user_api_key=KEY), {"allow_origins": ["https://theirs.example"]}), settings)
    ) as running:
        document = json.loads(running.get("/zarr/v2/image/.zarray", RIGHT).body)
        assert (document["chunks"], document["compressor"]["id"]) == ([128, 128], "zstd")
        for origin in ("https://ours.example", "https://theirs.example"):
            assert running.get("/zarr/v3/zarr.json", {**RIGHT, "origin": origin}).headers["access-control-allow-origin"] == origin
        assert "access-control-allow-origin" not in running.get("/zarr/v3/zarr.json", {**RIGHT, "origin": "https://other.example"}).headers


@pytest.mark.parametrize("given", [{"api_key": "key"}, {"public": True}])
def test_who_may_read_is_no_setting_of_ours(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="leave them out"):
        front(single(), Settings(**given))


@pytest.mark.parametrize("given", [object(), tree(), lambda scope, receive, send: None])
def test_anything_but_tileds_application_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="build_app"):
        front(given)
