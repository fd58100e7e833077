"""Where settings come from: options, variables, those of others, and how errors name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from test_settings import BAD
from tiled_zarr.nodes import Options
from tiled_zarr.settings import Mount, Settings, SettingsError, environment


def from_environment(**variables: str) -> Settings:
    return environment.from_environment(variables)


@pytest.mark.parametrize("text", ["", " "])
def test_a_variable_for_the_tree_that_is_empty_is_not_the_demo(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^TILED_ZARR_DIRECTORY names no tree to serve: give it a value, or unset it"):
        from_environment(TILED_ZARR_DIRECTORY=text)
    assert from_environment(TILED_ZARR_TREE=text, TILED_ZARR_DIRECTORY="/data").trees[0].target == "/data"


def test_a_variable_that_is_none_of_ours() -> None:
    with pytest.raises(SettingsError, match=r"^TILED_ZARR_MAXAGE: there is no such setting \(did you mean TILED_ZARR_MAX_AGE\?\);"):
        from_environment(TILED_ZARR_MAXAGE="5")
    with pytest.raises(SettingsError, match=r"^TILED_ZARR_DIRECTRY: .*did you mean TILED_ZARR_DIRECTORY\?"):
        from_environment(TILED_ZARR_DIRECTRY="/data")
    with pytest.raises(SettingsError, match=r"^TILED_ZARR_XYZZY: there is no such setting; docs/settings.md"):
        from_environment(TILED_ZARR_XYZZY="1")


def test_variables_of_others_do_no_harm() -> None:
    """One is empty, one is Tiled's, one is ours for child processes; Kubernetes sets others.

    It sets them for a service of our name:
    https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    kubernetes = {
        "TILED_ZARR_SERVICE_HOST": "10.0.0.11",
        "TILED_ZARR_SERVICE_PORT": "8000",
        "TILED_ZARR_SERVICE_PORT_HTTP": "8000",
        "TILED_ZARR_PORT": "tcp://10.0.0.11:8000",
        "TILED_ZARR_PORT_8000_TCP": "tcp://10.0.0.11:8000",
        "TILED_ZARR_PORT_8000_TCP_PROTO": "tcp",
        "TILED_ZARR_PORT_8000_TCP_PORT": "8000",
        "TILED_ZARR_PORT_8000_TCP_ADDR": "10.0.0.11",
    }
    others = {"TILED_ZARR_XYZZY": "", "TILED_DATABASE_URI": "sqlite://", "_TILED_ZARR_LAUNCH": "ab", "TILED_ZARRX": "1"}
    assert from_environment(**kubernetes, **others) == Settings()
    assert from_environment(TILED_ZARR_PORT="9000").port == 9000


def test_an_option_wins_over_a_variable_and_that_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "server.yml"
    config.write_text("max_age: 1\ncodec: none\nthreads: 3\ntrees: [{demo: true}]\n")
    environ = {"TILED_ZARR_CONFIG": str(config), "TILED_ZARR_MAX_AGE": "2", "TILED_ZARR_THREADS": "4"}
    settings = environment.from_environment(environ, {"max_age": "3"})
    assert (settings.max_age, settings.threads, settings.codec) == (3, 4, "none")
    assert [settings.spelling(name) for name in ("max_age", "threads", "codec", "struct")] == [
        "--max-age",
        "TILED_ZARR_THREADS",
        "server.yml, line 2: codec",
        "struct",
    ]


def test_the_tree_of_a_command_replaces_that_of_the_environment() -> None:
    given = {"TILED_ZARR_TREE": "a:b", "TILED_ZARR_MAX_AGE": "2"}
    assert environment.from_environment(given, tree={"DIRECTORY": "/data"}).trees[0].target == "/data"
    assert environment.from_environment(given, tree={}) == Settings(max_age=2)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_bad_values_name_their_option(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^--{name.replace('_', '-')}: "):
        environment.from_environment({}, {name: text})


def test_what_is_wrong_only_together_names_where_it_was_given() -> None:
    given = {"TILED_ZARR_CACHE_SIZE": "1GiB"}
    with pytest.raises(SettingsError, match=r"^--memory: .* less than the sizes that are set for single pools: chunks"):
        environment.from_environment(given, {"memory": "64MiB"}).sizes()
    with pytest.raises(SettingsError, match=r"^TILED_ZARR_MEMORY: "):
        from_environment(**given, TILED_ZARR_MEMORY="64MiB").sizes()


def test_a_wrong_variable_of_tiled_names_it() -> None:
    with pytest.raises(SettingsError, match=r"^TILED_ALLOW_ORIGINS: "):
        from_environment(TILED_ALLOW_ORIGINS="example.org")


def test_options_are_values() -> None:
    assert Mount().options.codec is None
    assert isinstance(Mount().options, Options)
