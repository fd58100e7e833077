"""Configurations of Tiled's server, each named for what it shows: served with ours in front, or refused as Tiled refuses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.tiled.configured import KEY, MEMORY, PAM, POLICIES, SINGLE, TREE, Parts, answers, configured, folder, served, trees, users
from tiled.config import parse_configs
from tiled.server.app import build_app_from_config

from tiled_zarr.cli.lifespans import CannotStart
from tiled_zarr.settings import SettingsError
from tiled_zarr.tiled.config import application
from tiled_zarr.tiled.config.refusals import words_of

__all__ = ["folder"]


def is_served(*paths: str) -> Callable[[Path, Parts], None]:
    """A check that the single user gets these paths of Tiled, and nobody without the key."""

    def check(folder: Path, parts: Parts) -> None:
        found = served(folder, parts, *((path, KEY) for path in paths), *paths)
        assert [answer.status for answer in found] == [200] * len(paths) + [401] * len(paths)

    return check


def shows(path: str, *texts: str, headers: Mapping[str, str] = KEY, status: int = 200) -> Callable[[Path, Parts], None]:
    """A check that an answer of Tiled has a status, and these texts in its head or body."""

    def check(folder: Path, parts: Parts) -> None:
        [found] = served(folder, parts, (path, headers))
        assert found.status == status, found.body
        for text in texts:
            assert text in found.body.decode("latin-1") or text in str(found.headers)

    return check


CONFIGURATIONS: dict[str, tuple[Parts, Callable[[Path, Parts], None]]] = {
    "a tree at the root": (
        SINGLE | TREE,
        is_served("/api/v1/metadata/", "/api/v1/metadata/x", "/api/v1/array/full/x?format=application/json"),
    ),
    "trees at paths": (
        SINGLE | trees("/a/b", "c"),
        is_served("/api/v1/metadata/a/b/x", "/api/v1/metadata/c/y"),
    ),
    "arguments of a tree": (
        SINGLE | {"trees": [{"path": "/", "tree": "served_by_tiled:build", "args": {"count": 7}}]},
        shows("/api/v1/metadata/z", '"shape":[7]'),
    ),
    "a catalog in memory": (SINGLE | MEMORY, is_served("/api/v1/metadata/")),
    "a catalog as a tree": (
        SINGLE | {"trees": [{"path": "/c", "tree": "catalog", "args": {"uri": "sqlite:///:memory:", "writable_storage": ["./data"]}}]},
        is_served("/api/v1/metadata/c"),
    ),
    "a catalog with all its keys": (
        SINGLE
        | {
            "catalog": {
                "uri": "sqlite:///:memory:",
                "metadata": {"by": "me"},
                "specs": [{"name": "run"}],
                "writable_storage": ["./data", "duckdb:///./tables.db"],
                "readable_storage": ["./other"],
                "adapters_by_mimetype": {"text/x": "tiled.adapters.csv:CSVAdapter"},
                "top_level_access_tags": None,
                "catalog_pool_size": 4,
                "storage_pool_size": 4,
                "catalog_max_overflow": 3,
                "storage_max_overflow": 3,
            }
        },
        shows("/api/v1/metadata/", '"by":"me"', '"name":"run"'),
    ),
    "anybody may read": ({"authentication": {"allow_anonymous_access": True}} | TREE, shows("/api/v1/metadata/x", headers={})),
    "users": (users("toy") | TREE, shows("/api/v1/", '"provider":"toy"', headers={})),
    "users of two providers": (
        users("toy", "other", secret_keys=["abc"]) | TREE,
        shows("/api/v1/", '"provider":"toy"', '"provider":"other"', headers={}),
    ),
    "administrators, ages of sessions, and their database": (
        users(
            "toy",
            tiled_admins=[{"provider": "toy", "id": "alice"}],
            access_token_max_age=10,
            refresh_token_max_age=100,
            session_max_age=1000,
        )
        | {"database": {"uri": "sqlite:///:memory:", "pool_size": 3, "pool_pre_ping": True, "max_overflow": 3}}
        | TREE,
        shows("/api/v1/metadata/", headers={}, status=401),
    ),
    "users of the system": (
        {"authentication": {"providers": [{"provider": "local", "authenticator": PAM, "args": {"service": "login"}}]}} | TREE,
        shows("/api/v1/", '"provider":"local"', headers={}),
    ),
    "a policy": (
        SINGLE | {"access_control": {"access_policy": f"{POLICIES}:DummyAccessPolicy", "args": {}}} | TREE,
        is_served("/api/v1/metadata/x"),
    ),
    "a policy of tags": (
        users("toy")
        | {
            "access_control": {
                "access_policy": f"{POLICIES}:TagBasedAccessPolicy",
                "args": {
                    "provider": "toy",
                    "scopes": ["read:data", "read:metadata"],
                    "access_tags_parser": "tiled.access_control.access_tags:AccessTagsParser",
                },
            }
        }
        | MEMORY,
        shows("/api/v1/metadata/", headers={}, status=401),
    ),
    "a form of export": (
        SINGLE
        | {"media_types": {"array": {"application/x-mine": "served_by_tiled:exported"}}, "file_extensions": {"mine": "application/x-mine"}}
        | TREE,
        shows("/api/v1/array/full/x?format=mine", "exported"),
    ),
    "specs": (
        SINGLE
        | {"specs": [{"spec": "mine", "validator": "served_by_tiled:validated"}, {"spec": "other"}], "reject_undeclared_specs": True}
        | TREE,
        is_served("/api/v1/metadata/x"),
    ),
    "limits": (
        SINGLE | {"response_bytesize_limit": 10, "exact_count_limit": 1, "expose_raw_assets": False} | TREE,
        shows("/api/v1/array/full/x?format=application/octet-stream", status=400),
    ),
    "pages of others": (
        SINGLE | {"allow_origins": ["https://page.example"]} | TREE,
        shows("/api/v1/", "https://page.example", headers={"origin": "https://page.example"}),
    ),
    "a path of a proxy": (
        SINGLE | {"uvicorn": {"root_path": "behind/"}} | TREE,
        shows("/api/v1/metadata/x", "http://a.example/behind/api/v1/metadata/x"),
    ),
    "no metrics": (SINGLE | {"metrics": {"prometheus": False}} | TREE, shows("/api/v1/metrics", status=404)),
    "routes of one's own": (SINGLE | {"routers": ["served_by_tiled:router"]} | TREE, shows("/custom/hello", "hello")),
    "streaming": (SINGLE | {"streaming_cache": {"uri": "memory", "data_ttl": 10}} | MEMORY, is_served("/api/v1/metadata/")),
    "webhooks": (SINGLE | {"webhooks": {"secret_keys": ["abc"], "allow_http": True}} | MEMORY, is_served("/api/v1/metadata/")),
    "a key from a variable": ({"authentication": {"single_user_api_key": "${SECRET}"}} | TREE, is_served("/api/v1/metadata/x")),
}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # pydantic's, of Tiled's own `adapters_by_mimetype`
@pytest.mark.parametrize(("parts", "check"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_what_tiled_serves(folder: Path, monkeypatch: pytest.MonkeyPatch, parts: Parts, check: Callable[[Path, Parts], None]) -> None:
    monkeypatch.setenv("SECRET", "secret")
    monkeypatch.setenv("BOB", "secret2")
    check(folder, parts)


REFUSED: dict[str, Parts] = {
    "no trees": SINGLE,
    "trees and a catalog": TREE | MEMORY,
    "a key that nobody knows": {"cata": 1} | TREE,
    "a key of an old version": {"object_cache": {"available_bytes": 1}} | TREE,
    "trees in each other": trees("/", "/a"),
    "a module that is not there": {"trees": [{"path": "/", "tree": "nowhere_at_all:tree"}]},
    "a name that is not there": {"trees": [{"path": "/", "tree": "served_by_tiled:shrub"}]},
    "arguments of what takes none": {"trees": [{"path": "/", "tree": "served_by_tiled:tree", "args": {"a": 1}}]},
    "two providers of one name": users("toy", "toy") | TREE,
    "an empty key": {"authentication": {"single_user_api_key": ""}} | TREE,
    "streaming from nowhere": {"streaming_cache": {"data_ttl": 3}} | MEMORY,
    "storage that is none": SINGLE | {"catalog": {"uri": "sqlite:///:memory:", "writable_storage": ["nothing://x"]}},
}


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED)
def test_what_tiled_refuses(folder: Path, parts: Parts) -> None:
    settings = configured(folder, parts)
    with pytest.raises(Exception, match=r".") as theirs:
        build_app_from_config(parse_configs(folder / "config.yml"))
    with pytest.raises(SettingsError) as ours:
        application(settings)
    assert str(ours.value).startswith(
        f"Tiled refuses the configuration {folder / 'config.yml'}:\n{str(theirs.value).strip()}\n`tiled serve config"
    )


def test_what_tiled_refuses_when_it_starts(folder: Path) -> None:
    """The key is wrong for Tiled, which looks at it in the startup only."""
    app = application(configured(folder, {"authentication": {"single_user_api_key": "a-b"}} | TREE))
    with pytest.raises(CannotStart, match=r"(?s)^Tiled refuses .*ValueError: .*only contain alphanumeric characters"):
        answers(app)


TRACEBACK = "Traceback (most recent call last):\n  File 'a.py', line 1, in f\n    f()\n  File 'b.py', line 2\nmodule.Error: one\ntwo\n"


@pytest.mark.parametrize(("failure", "words"), [("one\ntwo", "one\ntwo"), (TRACEBACK, "module.Error: one\ntwo"), ("", "")])
def test_words_of_a_failure(failure: str, words: str) -> None:
    assert words_of(failure) == words
