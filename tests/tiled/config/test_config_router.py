"""The front inside Tiled's own server: one line of its configuration, and no other change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.tiled.configured import KEY, SINGLE, TREE, Parts, answers, configured, folder, users
from tests.tiled.serving import Server
from tiled.config import parse_configs
from tiled.server.app import build_app_from_config
from tiled.server.settings import get_settings

from tiled_zarr.cli.lifespans import CannotStart
from tiled_zarr.tiled.config import application

__all__ = ["folder"]

ROUTER: Parts = {"routers": ["tiled_zarr.tiled:router"]}
PATHS = (
    "/zarr/v2/x/.zarray",
    "/zarr/v2/x/0",
    "/zarr/v3/x/zarr.json",
    "/zarr/v3/x/c/0",
    "/zarr/v3/x/c/1",
    "/zarr/v3/none/zarr.json",
    "/ome-zarr/0.5/x/zarr.json",
    "/view/",
    "/k/secret/zarr/v3/y/c/0",
    "/k/wrong/zarr/v3/y/c/0",
    "/api/v1/metadata/x",
    "/",
    "/healthz",
)


def built(folder: Path, parts: Parts) -> Any:
    """The application that `tiled serve config` makes, and nothing of ours."""
    (folder / "config.yml").write_text(yaml.safe_dump(parts))
    return build_app_from_config(parse_configs(folder / "config.yml"))


def test_it_answers_as_the_front_does(folder: Path) -> None:
    requests = [*((path, KEY) for path in PATHS), *PATHS]
    inside = answers(built(folder, SINGLE | TREE | ROUTER), *requests)
    get_settings.cache_clear()
    before = answers(application(configured(folder, SINGLE | TREE)), *requests)
    assert [answer.status for answer in inside] == [answer.status for answer in before]
    assert [answer.body for answer in inside[: len(PATHS) - 4]] == [answer.body for answer in before[: len(PATHS) - 4]]
    assert [answer.status for answer in inside[:4]] == [200] * 4


def test_without_the_line_tiled_answers_itself(folder: Path) -> None:
    """Else the test above would show nothing."""
    [page, key] = answers(built(folder, SINGLE | TREE), ("/view/", KEY), "/k/secret/zarr/v3/y/c/0")
    assert (page.status, key.status) == (404, 404)


def test_tokens_of_users_are_those_of_tiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOB", "secret2")
    with Server(built(folder, users("toy") | TREE | ROUTER)) as server:
        token = server.login("toy", "bob", "secret2")["access_token"]
        for path in ("/api/v1/metadata/x", "/zarr/v3/x/zarr.json", "/zarr/v3/x/c/0"):
            assert server.get(path, {"authorization": f"Bearer {token}"}).status == 200
            assert server.get(path, {"authorization": "Bearer wrong"}).status == server.get(path).status == 401


def test_it_starts_again_after_its_end(folder: Path) -> None:
    app = built(folder, SINGLE | TREE | ROUTER)
    for _ in range(2):
        [found] = answers(app, ("/view/", KEY))
        assert found.status == 200


def test_settings_are_variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILED_ZARR_CODEC", "zstd:7")
    [found] = answers(built(folder, SINGLE | TREE | ROUTER), ("/zarr/v2/x/.zarray", KEY))
    assert '"zstd"' in found.body.decode()
    monkeypatch.setenv("TILED_ZARR_CODEC", "rar")
    with pytest.raises(CannotStart, match="TILED_ZARR_CODEC: codec 'rar'"):
        answers(built(folder, SINGLE | TREE | ROUTER))
