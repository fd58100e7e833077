"""Whose syntax a configuration file has, and what `serve` reads in one of Tiled's without Tiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiled_zarr.settings import Settings, SettingsError, environment
from tiled_zarr.settings.syntaxes import TILED, TILED_TREE

THEIRS = "trees: [{path: /, tree: 'a:b'}]\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def read(path: Path, text: str | None = None, options: dict[str, str] | None = None, **variables: str) -> Settings:
    if text is not None:
        path.write_text(text)
    return environment.from_environment(variables, options or {}, {"CONFIG": str(path)})


def test_the_keys_are_those_of_tiled() -> None:
    from tiled.config import Config, TreeSpec

    def names(model: type) -> set[str]:
        return {field.alias or name for name, field in model.model_fields.items()}

    assert names(Config) == (TILED | {"trees"}) - {"object_cache"}
    assert names(TreeSpec) == TILED_TREE


OURS = {
    "a source": "trees: [{directory: .}]",
    "a source at a path": "trees: [{path: /a, pyobject: 'a:b'}]",
    "a catalog of ours": "trees: [{path: /a, catalog: 'sqlite:///a.db', read: [.]}]",
    "an option of a tree": "trees: [{demo: true, codec: none}]",
    "a setting": "max_age: 5\ntrees: [{demo: true}]",
    "a name of both besides": "allow_origins: [https://a.example]\ntrees: [{demo: true}]",
}
TILEDS = {
    "a tree": THEIRS,
    "a tree with arguments": "trees: [{path: /a, tree: catalog, args: {uri: 'sqlite://'}}]",
    "a catalog": "catalog: {uri: 'sqlite://'}",
    "the rest alone": "authentication: {allow_anonymous_access: true}",
    "a name of both besides": f"allow_origins: [https://a.example]\n{THEIRS}",
    "one of an old version": f"object_cache: {{}}\n{THEIRS}",
    "one that nobody knows": f"cata: 1\n{THEIRS}",
}


@pytest.mark.parametrize("text", OURS.values(), ids=OURS)
def test_files_of_ours(config: Path, text: str) -> None:
    settings = read(config, text)
    assert settings.tiled is None
    assert settings.trees


@pytest.mark.parametrize("text", TILEDS.values(), ids=TILEDS)
def test_files_of_tileds(config: Path, text: str) -> None:
    settings = read(config, text)
    assert settings.tiled is not None
    assert (settings.tiled.path, settings.trees) == (config, ())


MIXED = {
    "settings of both": (
        f"codec: none\n{THEIRS}uvicorn: {{}}\n",
        r"^config.yml mixes two syntaxes: uvicorn \(line 3\), trees\[0\].tree \(line 2\) are Tiled's, codec \(line 1\) is tiled-zarr's",
    ),
    "trees of both": (
        "trees:\n- path: /a\n  tree: a:b\n- path: /b\n  directory: .\n",
        r"trees\[0\].tree \(line 3\) is Tiled's, trees\[1\].directory \(line 5\) is tiled-zarr's",
    ),
    "both in one tree": ("trees: [{tree: 'a:b', frozen: true}]", r"trees\[0\].tree \(line 1\) is Tiled's, trees\[0\].frozen \(line 1\) is"),
}
NEITHER = {
    "nothing": ("", "names no tree to serve"),
    "a path alone": ("trees: [{path: /a}]", r"trees\[0\]: expected one of demo: true"),
    "a name that nobody knows": ("a: 1", "line 1: a: unknown"),
    "a name of both alone": ("allow_origins: ['*']", "names no tree to serve"),
}


@pytest.mark.parametrize(("text", "message"), MIXED.values(), ids=MIXED)
def test_files_in_both_syntaxes(config: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(config, text)


@pytest.mark.parametrize(("text", "message"), NEITHER.values(), ids=NEITHER)
def test_files_in_neither_syntax(config: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"{message}.*; nor is it Tiled's syntax, in which trees are"):
        read(config, text)


@pytest.mark.parametrize("text", ["max_ages: 5\ntrees: [{demo: true}]", "trees: [{demo: true, chunk: 5}]"])
def test_a_mistake_in_a_file_of_ours_does_not_speak_of_tiled(config: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="unknown") as refused:
        read(config, text)
    assert "Tiled" not in str(refused.value)


def test_a_folder_is_tileds(tmp_path: Path) -> None:
    (tmp_path / "1.yml").write_text(THEIRS)
    (tmp_path / "2.yaml").write_text("uvicorn: {port: 4242}\n")
    (tmp_path / "README.md").write_text("trees: [{demo: true}]\n")
    settings = read(tmp_path)
    assert settings.tiled is not None
    assert (settings.tiled.path, settings.port) == (tmp_path, 4242)


def test_a_folder_has_no_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / "1.yml").write_text(THEIRS)
    (tmp_path / "2.yml").write_text("trees: [{demo: true}]\n")
    with pytest.raises(SettingsError, match=r"^2.yml is in tiled-zarr's syntax: name this file, since only Tiled's configuration may be"):
        read(tmp_path)


def test_options_of_uvicorn_are_ours_of_the_same_meaning(config: Path) -> None:
    text = "uvicorn: {host: '::', port: 4242, workers: 3, log_level: trace, limit_concurrency: 7, timeout_graceful_shutdown: 4}\n"
    settings = read(config, THEIRS + text)
    assert (settings.host, settings.port, settings.workers, settings.log_level) == ("::", 4242, 3, "debug")
    assert (settings.connections, settings.shutdown_timeout) == (7, 4.0)
    assert settings.spelling("port") == "config.yml, line 2: uvicorn.port"


def test_ours_win_over_those_of_uvicorn(config: Path) -> None:
    settings = read(
        config, f"{THEIRS}uvicorn: {{host: '::', port: 4242}}\n", {"port": "4244"}, TILED_ZARR_HOST="0.0.0.0", TILED_ZARR_PORT="1"
    )
    assert (settings.host, settings.port) == ("0.0.0.0", 4244)


def test_a_wrong_option_of_uvicorn_is_named(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"^config.yml, line 2: uvicorn.port: expected a"):
        read(config, f"{THEIRS}uvicorn: {{port: many}}\n")


def test_variables_stand_in_values(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PORT", "4242")
    monkeypatch.setenv("SOME_KEY", "secret")
    settings = read(config, f"{THEIRS}uvicorn: {{port: $SOME_PORT}}\nauthentication: {{single_user_api_key: '${{SOME_KEY}}'}}\n")
    assert settings.tiled is not None
    assert (settings.port, settings.tiled.key) == (4242, "secret")


def test_other_options_of_uvicorn_are_named(config: Path) -> None:
    settings = read(config, f"{THEIRS}uvicorn: {{root_path: /a, loop: uvloop, proxy_headers: true}}\n")
    assert settings.tiled is not None
    assert settings.tiled.unused == ("config.yml, line 2: uvicorn.loop", "config.yml, line 2: uvicorn.proxy_headers")
    settings.tiled.require_listening()


@pytest.mark.parametrize("option", ["ssl_certfile: a.pem", "uds: a.sock", "fd: 3"])
def test_what_would_open_the_server_to_others_is_refused(config: Path, option: str) -> None:
    settings = read(config, f"{THEIRS}uvicorn: {{{option}}}\n")
    assert settings.tiled is not None
    with pytest.raises(
        SettingsError, match=rf"^config.yml, line 2: uvicorn.{option.partition(':')[0]}: .* listens on a TCP port and speaks no TLS"
    ):
        settings.tiled.require_listening()


def test_tiled_is_not_installed(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.settings.deployments.find_spec", lambda name: None if name == "tiled" else object())
    with pytest.raises(
        SettingsError, match=r"config.yml is a configuration of Tiled's server, which is not installed: pip install 'tiled\[server\]>=\S+'$"
    ):
        read(config, THEIRS)
    assert read(config, "trees: [{demo: true}]").tiled is None


def test_tileds_variables_are_left_to_tiled(config: Path) -> None:
    settings = read(
        config, THEIRS, TILED_SINGLE_USER_API_KEY="theirs", TILED_ALLOW_ANONYMOUS_ACCESS="1", TILED_ALLOW_ORIGINS='["https://a.example"]'
    )
    assert (settings.api_key, settings.public, settings.allow_origins) == (None, None, ())
    assert settings.decided().public is not True
    assert settings.require_access() is settings
