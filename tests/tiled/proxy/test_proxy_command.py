"""`tiled-zarr serve tiled URL`: its settings, its start, and a server of its own in front of Tiled's."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from tests.tiled.proxying import KEY
from tests.tiled.ways import serving
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.client import from_uri
from tiled.config import Authentication
from tiled.server.app import build_app

from live import live
from tiled_zarr.app import create_app
from tiled_zarr.cli import main
from tiled_zarr.settings import Mount, Settings, SettingsError, environment
from tiled_zarr.tiled.proxy.address import address_of
from tiled_zarr.tree import plant

VALUES = np.arange(12.0).reshape(3, 4)
OURS = "ours"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    tree = MapAdapter({"group": MapAdapter({"a": ArrayAdapter.from_array(VALUES)})})
    with serving(build_app(tree, authentication=Authentication(single_user_api_key=KEY, allow_anonymous_access=False))) as address:
        yield address


def settings(url: str, **fields: object) -> Settings:
    return Settings(trees=(Mount(source="tiled", target=url),), **fields)  # type: ignore[arg-type] # as given


@pytest.mark.slow
def test_callers_show_their_own_key_to_a_server_that_was_started_by_command(url: str) -> None:
    with live("tiled", f"{url}/api/v1/metadata/group", workers=2) as server:
        assert "Tiled, which decides who can read the data." in server.printed()
        assert httpx.get(f"{server.url}/zarr/v3/a/c/0/0").status_code == 401
        assert httpx.get(f"{server.url}/zarr/v3/a/c/0/0", headers={"authorization": "Apikey no"}).status_code == 401
        group = zarr.open_group(f"{server.url}/k/{KEY}/zarr/v3", mode="r")
        np.testing.assert_array_equal(group["a"][...], VALUES)
        assert KEY not in server.printed()


def without_chunks(printed: str) -> list[str]:
    """The lines without the shapes of chunks, which are ours and not Tiled's."""
    return [line.partition("  chunks ")[0] for line in printed.splitlines()]


def test_ls_prints_what_tiled_shows_with_a_key(url: str) -> None:
    result = CliRunner().invoke(main, ["ls", url, "--api-key", KEY])
    assert without_chunks(result.output) == ["/  group", "  group  group", "    a  array  3 x 4  float64"]
    refused = CliRunner().invoke(main, ["ls", url], env={"TILED_ZARR_API_KEY": None})
    assert (refused.exit_code, "give the key with --api-key" in refused.output) == (1, True), refused.output


def test_ls_prints_what_tiled_shows_to_everybody() -> None:
    tree = MapAdapter({"a": ArrayAdapter.from_array(VALUES)})
    access = Authentication(single_user_api_key=KEY, allow_anonymous_access=True)
    with serving(build_app(tree, authentication=access)) as url:
        result = CliRunner().invoke(main, ["ls", url], env={"TILED_ZARR_API_KEY": None})
    assert without_chunks(result.output) == ["/  group", "  a  array  3 x 4  float64"]


@pytest.mark.parametrize("path", ["", "/", "/api/v1", "/api/v1/"])
def test_the_address_may_be_that_of_the_server_or_of_its_api(url: str, path: str) -> None:
    assert address_of(url + path).api == f"{url}/api/v1"


def test_an_object_of_tileds_client_is_a_tree(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = from_uri(url, api_key=KEY)
    monkeypatch.setitem(sys.modules, "signed_in", SimpleNamespace(client=client, group=client["group"]))
    for name, path in (("client", "group/a"), ("group", "a")):
        chosen = Settings(trees=(Mount(source="pyobject", target=f"signed_in:{name}"),), public=True)
        tree = plant(chosen)
        with serving(create_app(tree.root, chosen, tree.tasks, tree.resources)) as ours:
            np.testing.assert_array_equal(zarr.open_group(f"{ours}/zarr/v3", mode="r")[path][...], VALUES)
    client.context.http_client.close()


def test_a_key_of_the_proxy_is_for_all_who_have_ours(url: str) -> None:
    chosen = settings(url, tiled_key=KEY, api_key=OURS)
    tree = plant(chosen)
    with serving(create_app(tree.root, chosen, tree.tasks, tree.resources, tree.identify)) as ours:
        document = "/zarr/v3/group/a/zarr.json"
        assert httpx.get(ours + document).status_code == 401
        assert httpx.get(ours + document, headers={"authorization": f"Apikey {KEY}"}).status_code == 401
        assert httpx.get(ours + document, headers={"authorization": f"Apikey {OURS}"}).status_code == 200


def test_a_key_of_the_proxy_alone_lets_nobody_in(url: str) -> None:
    with pytest.raises(SettingsError, match="these data are private"):
        settings(url, tiled_key=KEY).require_access()


@pytest.mark.parametrize("given", [{"TILED_ZARR_PUBLIC": "1"}, {"TILED_ZARR_API_KEY": "k"}])
def test_what_says_who_may_read_needs_a_key_of_the_proxy(given: dict[str, str]) -> None:
    found = environment.from_environment({"TILED_ZARR_TILED": "https://tiled.example", **given})
    with pytest.raises(SettingsError, match="it decides what they see; leave this out, or give the key"):
        found.require_access()
    environment.from_environment(
        {"TILED_ZARR_TILED": "https://tiled.example", "TILED_ZARR_TILED_KEY": "k", **given}
    ).decided().require_access()


def test_variables_of_the_server_behind_are_not_ours() -> None:
    theirs = {"TILED_SINGLE_USER_API_KEY": "k", "TILED_ALLOW_ANONYMOUS_ACCESS": "1"}
    found = environment.from_environment({"TILED_ZARR_TILED": "https://tiled.example", **theirs})
    assert (found.api_key, found.public) == (None, None)


@pytest.mark.parametrize("path", ["model", "a/b"])
def test_beside_other_trees_it_needs_a_key_of_its_own(url: str, path: str) -> None:
    beside = Settings(trees=(Mount(path=path, source="tiled", target=url), Mount(path="demo")), api_key=OURS)
    with pytest.raises(SettingsError, match="only if its tree is the only one, and at /"):
        plant(beside)


def test_it_may_be_one_of_several_trees(url: str) -> None:
    beside = Settings(trees=(Mount(path="beamline", source="tiled", target=url), Mount(path="demo")), api_key=OURS, tiled_key=KEY)
    tree = plant(beside)
    assert tree.identify is None
    assert list(tree.root.children["beamline"].children) == ["group"]  # type: ignore[union-attr] # it is a group
    for close in tree.tasks.shutdown:
        asyncio.run(close())


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tiled.example", "is no address of a Tiled server; write it like https://tiled.example"),
        ("ftp://tiled.example", "write it like"),
        ("http://u:p@tiled.example", "leave the key out of the address"),
        ("http://tiled.example/?api_key=k", "leave the key out of the address"),
        ("http://tiled.example/api/v1/array/full/a", "or of a container below /api/v1/metadata/"),
    ],
)
def test_an_address_that_is_none_is_refused_with_what_to_do(address: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plant(settings(address))


def test_a_server_that_is_not_there_is_said_so_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SettingsError, match=f"Tiled at 127.0.0.1:{port} cannot be reached"):
        plant(settings(f"http://127.0.0.1:{port}"))


async def other(scope: dict[str, object], receive: object, send: object) -> None:
    """A server of something else."""
    if scope["type"] == "http":
        status, place = (308, [(b"location", b"https://elsewhere.example/")]) if "moved" in str(scope["path"]) else (200, [])
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2"), *place]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]
    else:
        await receive()  # type: ignore[operator]
        await send({"type": "lifespan.startup.complete"})  # type: ignore[operator]
        await receive()  # type: ignore[operator]
        await send({"type": "lifespan.shutdown.complete"})  # type: ignore[operator]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is not the address of a Tiled server: .*/api/v1/ answers 200"),
        ("/moved", "leads to https://elsewhere.example/; give that address"),
    ],
)
def test_a_server_of_something_else_is_refused(path: str, message: str) -> None:
    with serving(other) as url, pytest.raises(SettingsError, match=message):
        plant(settings(url + path))


def test_a_container_that_is_not_there_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="Tiled shows you no node none"):
        plant(settings(f"{url}/api/v1/metadata/none", tiled_key=KEY))


def test_a_wrong_key_of_the_proxy_is_said_so_at_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match=r"the key of this proxy is not valid: .*Invalid API key"):
        plant(settings(url, tiled_key="wrong"))
