from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiled_zarr.app
from asgi import Answer, ask, asked
from tiled_zarr import Group
from tiled_zarr.adapters import adapt
from tiled_zarr.app import Late, create_app
from tiled_zarr.settings import Settings, SettingsError
from tiled_zarr.tree import Tasks


def small() -> Group:
    node = adapt({"a": np.arange(10)})
    assert isinstance(node, Group)
    return node


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Late]:
    """The deployed application in another environment."""

    def made(**variables: str) -> Late:
        for name in [name for name in os.environ if name.startswith("TILED_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Late()

    return made


async def started(app: Any) -> list[dict[str, Any]]:
    """What an application says to the start of a server, and to its end if it came that far."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for kind in ("startup", "shutdown"):
        await inbox.put({"type": f"lifespan.{kind}"})
    await app({"type": "lifespan"}, inbox.get, send)
    return sent


def test_importing_opens_nothing() -> None:
    assert isinstance(tiled_zarr.app.app, Late)


@pytest.mark.parametrize("settings", [Settings(), Settings(api_key=""), Settings(public=False)], ids=["default", "empty key", "private"])
def test_data_of_ones_own_are_never_public_by_default(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="TILED_ZARR_API_KEY"):
        create_app(small(), settings)


def test_create_app() -> None:
    assert ask(create_app(small(), Settings(public=True)), "/zarr/v3/a/c/0").status == 200
    keyed = create_app(small(), Settings(api_key="k"))
    assert [ask(keyed, f"/zarr/v3/a/c/0{query}").status for query in ("", "?api_key=k")] == [401, 200]


def test_settings_reach_the_key_space() -> None:
    app = create_app(small(), Settings(public=True, codec="zstd:7", chunk_shape=(5,)))
    document = json.loads(ask(app, "/zarr/v2/a/.zarray").body)
    assert (document["chunks"], document["compressor"]) == ([5], {"id": "zstd", "level": 7})


def test_the_demo_is_public(late: Callable[..., Late]) -> None:
    app = late()
    assert [message["type"] for message in asyncio.run(started(app))] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert ask(app, "/zarr/v3/scalars/pi/c").status == 200


def test_a_server_without_lifespan_starts_with_the_first_request(late: Callable[..., Late]) -> None:
    assert ask(late(), "/zarr/v3/scalars/pi/c").status == 200


PRIVATE = {"TILED_ZARR_TREE": "served_by_app:tree"}
REFUSED = {
    "private": (PRIVATE, "these data are private: set TILED_ZARR_API_KEY to a secret .*, or TILED_ZARR_PUBLIC=1"),
    "two trees": ({**PRIVATE, "TILED_ZARR_DIRECTORY": "x"}, "set only one of"),
    "bad setting": ({"TILED_ZARR_MAX_AGE": "soon"}, "TILED_ZARR_MAX_AGE: "),
    "no such module": ({**PRIVATE, "TILED_ZARR_PUBLIC": "1"}, "there is no module"),
}


@pytest.mark.parametrize(("variables", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_refused(late: Callable[..., Late], variables: dict[str, str], message: str) -> None:
    app = late(**variables)
    [answer] = asyncio.run(started(app))
    assert answer["type"] == "lifespan.startup.failed"
    with pytest.raises(SettingsError, match=message):
        raise SettingsError(answer["message"])
    with pytest.raises(SettingsError, match=message):
        ask(app, "/zarr/v3/zarr.json")


def test_a_tree_that_fails_stops_the_start(late: Callable[..., Late], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that raises any exception stops the start.

    If the application raises at start, hypercorn takes it for one without lifespan, and would go on
    without the tree.
    """
    (tmp_path / "broken_tree.py").write_text("def tree():\n    raise NameError('nothing has this name')\n")
    monkeypatch.syspath_prepend(tmp_path)
    [answer] = asyncio.run(started(late(TILED_ZARR_TREE="broken_tree:tree", TILED_ZARR_PUBLIC="1")))
    assert answer["type"] == "lifespan.startup.failed"
    assert "NameError: nothing has this name" in answer["message"]


def test_a_root_without_metadata_stops_the_start_with_a_message(
    late: Callable[..., Late], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "no_metadata.py").write_text(
        "class Tree(dict):\n    structure_family = 'container'\n    def metadata(self):\n        raise OSError('the catalog is away')\n"
        "tree = Tree()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    [answer] = asyncio.run(started(late(TILED_ZARR_TREE="no_metadata:tree", TILED_ZARR_PUBLIC="1")))
    assert answer == {"type": "lifespan.startup.failed", "message": "no_metadata:tree: OSError: the catalog is away"}
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("variables", "statuses"),
    [({"TILED_ZARR_API_KEY": "k"}, [401, 200, 401]), ({"TILED_ZARR_PUBLIC": "1"}, [200, 401, 401])],
    ids=["key", "public"],
)
def test_private_data(
    late: Callable[..., Late], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], statuses: list[int]
) -> None:
    (tmp_path / "served_by_app.py").write_text("import numpy\ntree = {'a': numpy.arange(3)}\n")
    monkeypatch.syspath_prepend(tmp_path)
    app = late(**PRIVATE, **variables)
    assert [ask(app, f"/zarr/v3/a/c/0{query}").status for query in ("", "?api_key=k", "?api_key=x")] == statuses


def test_tasks_of_a_tree_run_while_it_is_served() -> None:
    values = {"live": np.zeros(3)}
    happened: list[str] = []

    async def tick() -> None:
        values["live"] = np.ones(3)
        happened.append("tick")
        await asyncio.Event().wait()

    async def start() -> None:
        happened.append("start")

    async def stop() -> None:
        happened.append("stop")

    node = adapt(values)
    assert isinstance(node, Group)
    app = create_app(node, Settings(public=True, codec="none"), Tasks(startup=[start], background=[tick], shutdown=[stop]))

    async def main() -> Answer:
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        up = asyncio.Event()

        async def send(_: dict[str, Any]) -> None:
            up.set()

        life = asyncio.ensure_future(app({"type": "lifespan"}, inbox.get, send))
        await inbox.put({"type": "lifespan.startup"})
        await up.wait()
        await asyncio.sleep(0)
        answer = await asked(app, "/zarr/v3/live/c/0")
        await inbox.put({"type": "lifespan.shutdown"})
        await life
        return answer

    assert np.frombuffer(asyncio.run(main()).body).tolist() == [1, 1, 1]
    assert happened == ["start", "tick", "stop"]
