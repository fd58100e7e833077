"""Options, variables, keys and workers of a configuration of Tiled's server."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.tiled.configured import KEY, MEMORY, MODULE, SINGLE, TREE, Parts, answers, configured, folder, served, trees, users
from tiled.config import parse_configs
from tiled.server.settings import get_settings

from tiled_zarr import app as serving
from tiled_zarr import logs
from tiled_zarr.settings import SettingsError, environment
from tiled_zarr.tiled.config import application
from tiled_zarr.tiled.config.overlay import overlaid

__all__ = ["folder"]


def test_a_folder_of_files(folder: Path) -> None:
    parts = folder / "config.d"
    parts.mkdir()
    (parts / "1.yml").write_text(yaml.safe_dump(trees("/a")))
    (parts / "2.yaml").write_text(yaml.safe_dump(SINGLE | trees("/b")))
    (parts / "README.md").write_text("no part of it")
    (parts / "served_by_tiled.py").write_text(MODULE)
    settings = environment.from_environment({}, {}, {"CONFIG": str(parts)}).decided()
    found = answers(application(settings), *((f"/api/v1/metadata/{name}", KEY) for name in ("a/x", "b/x")))
    assert [answer.status for answer in found] == [200, 200]


def test_the_same_key_twice_in_a_folder_is_refused_by_tiled(folder: Path) -> None:
    parts = folder / "config.d"
    parts.mkdir()
    for name in ("1.yml", "2.yml"):
        (parts / name).write_text(
            f"specs: []\nmedia_types: {{}}\ntrees: [{{path: /{name[0]}, tree: 'tiled.examples.generated_minimal:tree'}}]\n"
        )
    with pytest.raises(SettingsError, match=r"Duplicate configuration for {'media_types'}"):
        application(environment.from_environment({}, {}, {"CONFIG": str(parts)}).decided())


def test_options_win_over_the_configuration(folder: Path) -> None:
    parts = SINGLE | {"allow_origins": ["https://page.example"]} | TREE
    given = ("/api/v1/metadata/x", {"authorization": "Apikey given", "origin": "https://other.example"})
    [found, refused] = served(folder, parts, given, ("/api/v1/metadata/x", KEY), api_key="given", allow_origins="https://other.example")
    assert (found.status, refused.status) == (200, 401)
    assert found.headers["access-control-allow-origin"] == "https://other.example"
    [public] = served(folder, parts, "/api/v1/metadata/x", public="true")
    assert public.status == 200


def test_the_key_of_a_file_given_as_an_option(folder: Path) -> None:
    (folder / "key").write_text("given\n")
    [found] = served(folder, SINGLE | TREE, ("/api/v1/metadata/x", {"authorization": "Apikey given"}), api_key_file=str(folder / "key"))
    assert found.status == 200


def test_the_configuration_wins_over_tileds_variables_as_in_tiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILED_SINGLE_USER_API_KEY", "variable")
    [found] = served(folder, SINGLE | TREE, ("/api/v1/metadata/x", KEY))
    get_settings.cache_clear()
    [variable] = served(folder, TREE, ("/api/v1/metadata/x", {"authorization": "Apikey variable"}))
    assert (found.status, variable.status) == (200, 200)


def test_workers_share_the_keys_that_tiled_would_generate(folder: Path) -> None:
    """Each worker is a process of its own; here each has settings of Tiled's of its own."""
    settings = configured(folder, TREE, generated="a1b2")
    for _ in range(2):
        get_settings.cache_clear()
        [found] = answers(application(settings, 2), ("/api/v1/metadata/x", {"authorization": "Apikey a1b2"}))
        assert found.status == 200


def test_workers_share_the_secret_that_signs_tokens(folder: Path) -> None:
    settings = configured(folder, users("toy") | TREE, generated="a1b2")
    secrets = [overlaid(parse_configs(folder / "config.yml"), settings).authentication.secret_keys for _ in range(2)]
    assert secrets[0] == secrets[1] != ["a1b2"]
    given = configured(folder, users("toy", secret_keys=["abc"]) | TREE, generated="a1b2")
    assert overlaid(parse_configs(folder / "config.yml"), given).authentication.secret_keys == ["abc"]


def test_generated_keys_do_not_replace_those_of_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [found, other] = answers(
        application(configured(folder, SINGLE | TREE, generated="a1b2")),
        ("/api/v1/metadata/x", KEY),
        ("/api/v1/metadata/x", {"authorization": "Apikey a1b2"}),
    )
    assert (found.status, other.status) == (200, 401)
    get_settings.cache_clear()
    monkeypatch.setenv("TILED_SINGLE_USER_API_KEY", "variable")
    settings = configured(folder, TREE, generated="a1b2")
    [found] = answers(application(settings), ("/api/v1/metadata/x", {"authorization": "Apikey variable"}))
    assert found.status == 200
    assert settings.tiled is not None
    assert settings.tiled.key_of(settings.api_key) == "variable"


def test_a_key_that_nobody_gets_to_know_is_refused(folder: Path) -> None:
    """An application under another server has nobody to print a generated key."""
    with pytest.raises(SettingsError, match=r"these data are private: set authentication.single_user_api_key"):
        application(configured(folder, TREE))


NOT_SHARED: dict[str, tuple[Parts, str]] = {
    "streaming in memory": (
        SINGLE | {"streaming_cache": {"uri": "memory"}, "catalog": {"uri": "sqlite:///a.db"}},
        "streaming_cache: uri: memory is in",
    ),
    "a catalog in memory": (SINGLE | MEMORY, "the catalog at / is in memory"),
    "another catalog in memory": (
        SINGLE | {"trees": [{"path": "/c", "tree": "tiled.catalog:in_memory", "args": {}}]},
        "the catalog at /c is in memory",
    ),
    "users in memory": (users("toy", secret_keys=["abc"]) | TREE, "a persistent database must be provided"),
}


@pytest.mark.parametrize(("parts", "message"), NOT_SHARED.values(), ids=NOT_SHARED)
def test_what_workers_cannot_share_is_refused_for_several(folder: Path, parts: Parts, message: str) -> None:
    settings = configured(folder, parts, generated="a1b2")
    with pytest.raises(SettingsError, match=message):
        application(settings, 2)


def test_workers_share_the_memory(folder: Path) -> None:
    settings = configured(folder, SINGLE | TREE, {"memory": "1GiB", "cache_size": "600MiB"})
    application(settings, 1)
    with pytest.raises(SettingsError, match=r"--memory: .* for each of 2 workers"):
        application(settings, 2)


def test_a_worker_that_may_create_a_database_starts_alone(folder: Path) -> None:
    """A second worker would wait for its turn until the first has started."""
    database = {"database": {"uri": "sqlite:///:memory:", "init_if_not_exists": True}}
    settings = configured(folder, SINGLE | TREE | database)

    def is_free() -> bool:
        descriptor = os.open(folder / "config.yml", os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    app = application(settings, 2)
    assert not is_free()
    assert answers(app) == []
    assert is_free()
    application(configured(folder, SINGLE | TREE), 2)
    assert is_free()
    with pytest.raises(SettingsError, match="object_cache"):
        application(configured(folder, SINGLE | TREE | database | {"object_cache": {}}), 2)
    assert is_free()


def test_options_of_uvicorn_without_effect_are_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = configured(folder, SINGLE | {"uvicorn": {"loop": "uvloop"}} | TREE)
    application(settings, is_shown=False)
    assert caplog.messages == []
    application(settings)
    assert caplog.messages == ["config.yml, line 4: uvicorn.loop: `tiled-zarr serve` has no such option, and goes on without"]


@pytest.fixture
def log(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], list[str]]]:
    """Begins our log with a level; the lines that are written after that. The log ends with the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def lines(level: str) -> list[str]:
        logs.begin(level, "text")
        capfd.readouterr()
        served(Path.cwd(), SINGLE | TREE, "/api/v1/", log_level=level)
        return [line for line in capfd.readouterr().err.splitlines() if "Tiled version" in line]

    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("folder")
def test_tileds_log_is_ours(log: Callable[[str], list[str]]) -> None:
    """Tiled's own handlers would write each line a second time, of all levels, and without the time."""
    [line] = log("info")
    assert re.fullmatch(r"\S+Z INFO tiled-zarr\[\d+\]: Tiled version [\d.]+", line)
    assert log("warning") == []


def test_no_key_is_left_in_what_a_server_logs(folder: Path) -> None:
    """Servers write the path of the scope that they have made, after the answer."""
    for parts in (SINGLE | TREE, SINGLE | TREE | {"uvicorn": {"root_path": "/behind"}}):
        app = application(configured(folder, parts))
        scopes: list[Any] = []

        async def noting(scope: Any, receive: Any, send: Any, app: Any = app, scopes: list[Any] = scopes) -> None:
            scopes.append(scope)
            await app(scope, receive, send)

        [found] = answers(noting, "/k/secret/zarr/v3/x/zarr.json")
        assert found.status == 200
        assert scopes[-1]["path"].endswith("/zarr/v3/x/zarr.json")
        assert "secret" not in repr([scopes[-1][name] for name in ("path", "raw_path", "query_string")])


def test_the_application_for_other_servers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(folder, SINGLE | TREE)
    monkeypatch.setenv("TILED_ZARR_CONFIG", str(folder / "config.yml"))
    monkeypatch.setattr(serving, "settle", lambda: None)
    found, refused = answers(serving.Late(), ("/api/v1/metadata/x", KEY), "/api/v1/metadata/x")
    assert (found.status, refused.status) == (200, 401)
