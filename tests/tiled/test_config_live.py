"""`tiled-zarr serve config` with a configuration of Tiled's, under each server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml
import zarr
from tests.tiled.configured import MODULE, Parts, trees, users
from tiled.client import from_uri
from websockets.sync.client import connect

from live import Live, live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MANY = 12
"""Requests on connections of their own, so that both workers answer some of them."""
KEY = re.compile(r"\?api_key=([0-9a-f]{64})\n")
TREE = trees("/served")


def written(folder: Path, parts: Parts) -> Path:
    (folder / "served_by_tiled.py").write_text(MODULE)
    (folder / "config.yml").write_text(yaml.safe_dump(parts))
    return folder / "config.yml"


def statuses(server: Live, path: str, headers: Mapping[str, str]) -> set[int]:
    return {status(server, path, headers) for _ in range(MANY)}


def status(server: Live, path: str, headers: Mapping[str, str]) -> int:
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers=dict(headers))
    with closing(connection):
        return connection.getresponse().status


def test_the_generated_key_is_printed_and_known_to_all_workers(tmp_path: Path) -> None:
    with live("config", written(tmp_path, TREE), server="uvicorn", workers=2, seconds=150) as server:
        assert "Tiled version" not in server.printed()
        [key] = KEY.findall(server.printed())
        assert f"    Zarr v3  {server.url}/k/{key}/zarr/v3/\n" in server.printed()
        for path in ("/api/v1/metadata/served/x", "/zarr/v3/served/x/zarr.json", "/zarr/v3/served/x/c/0"):
            assert statuses(server, path, {"authorization": f"Apikey {key}"}) == {200}
            assert statuses(server, path, {}) == {401}
        assert httpx.get(f"{server.url}/k/{key}/view/").status_code == 200


def test_tokens_and_the_database_of_users_are_those_of_all_workers(tmp_path: Path) -> None:
    """Both workers find no database when they start; a token is signed by one and read by the other."""
    database = {"database": {"uri": f"sqlite:///{tmp_path}/users.db", "init_if_not_exists": True}}
    with live("config", written(tmp_path, users("toy") | database | TREE), workers=2, env={"BOB": "secret2"}, seconds=150) as server:
        assert "Anyone who signs in can" in server.printed()
        login = httpx.post(f"{server.url}/api/v1/auth/provider/toy/token", data={"username": "bob", "password": "secret2"})
        signed_in = {"authorization": f"Bearer {login.json()['access_token']}"}
        for path in ("/api/v1/metadata/served/y", "/zarr/v2/served/y/.zarray", "/zarr/v2/served/y/0"):
            assert statuses(server, path, signed_in) == {200}
            assert statuses(server, path, {}) == {401}


def test_a_folder_of_files_and_a_path_of_a_proxy(tmp_path: Path) -> None:
    folder = tmp_path / "config.d"
    folder.mkdir()
    written(folder, TREE | {"uvicorn": {"root_path": "/behind"}})
    (folder / "access.yml").write_text("authentication: {allow_anonymous_access: true}\n")
    with live("config", folder, server="granian", seconds=150) as server:
        assert "Without the key, anyone can read the data." in server.printed()
        assert statuses(server, "/zarr/v3/served/x/c/0", {}) == {200}
        answer = httpx.get(f"{server.url}/api/v1/metadata/served/x").json()
        assert answer["data"]["links"]["self"] == f"{server.url}/behind/api/v1/metadata/served/x"
        page = httpx.get(f"{server.url}/view/served/x").text
        assert f"{server.url}/behind/zarr/v3/served/x" in page


def test_tileds_client_writes_and_hears_of_what_is_written(tmp_path: Path) -> None:
    """Through Tiled's own server behind ours; its websockets pass too."""
    storage = {"uri": "sqlite:///:memory:", "writable_storage": [str(tmp_path / "data")]}
    parts = {"catalog": storage, "streaming_cache": {"uri": "memory"}, "authentication": {"single_user_api_key": "secret"}}
    with live("config", written(tmp_path, parts), seconds=150) as server:
        client = from_uri(f"{server.url}/api/v1", api_key="secret")
        array = client.write_array(np.arange(12).reshape(3, 4), key="a")
        address = f"{server.url.replace('http', 'ws')}/api/v1/stream/single/a?envelope_format=json"
        with connect(address, additional_headers={"Authorization": "Apikey secret"}) as stream:
            array.write(np.arange(12).reshape(3, 4) * 2)
            kinds = [json.loads(stream.recv(60))["type"] for _ in range(2)]
        client.context.close()
        found = zarr.open_array(f"{server.url}/zarr/v3/a", storage_options={"headers": {"Authorization": "Apikey secret"}}, mode="r")
        assert kinds == ["array-schema", "array-data"]
        assert np.array_equal(found[:], np.arange(12).reshape(3, 4) * 2)
