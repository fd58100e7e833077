"""Keys that are in files, which `ps` does not show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiled_zarr.settings import Settings, SettingsError, environment


def from_environment(**variables: str) -> Settings:
    return environment.from_environment(variables)


def test_a_key_in_a_file(tmp_path: Path) -> None:
    file, config = tmp_path / "key", tmp_path / "server.yml"
    file.write_text("s3cret\n")
    config.write_text("api_key: another\ntrees: [{demo: true}]\n")
    given = {"TILED_ZARR_API_KEY_FILE": str(file), "TILED_SINGLE_USER_API_KEY": "theirs"}
    for settings in (from_environment(**given), from_environment(**given, TILED_ZARR_CONFIG=str(config))):
        assert settings.decided().require_access().api_key == "s3cret"
    config.write_text(f"api_key_file: {file}\ntrees: [{{demo: true}}]\n")
    assert from_environment(TILED_ZARR_CONFIG=str(config)).decided().api_key == "s3cret"
    assert from_environment(TILED_ZARR_CONFIG=str(config), TILED_ZARR_API_KEY="ours").decided().api_key == "ours"


def test_a_file_without_a_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(SettingsError, match=f"^api_key_file: cannot read {file}: No such file or directory$"):
        Settings(api_key_file=file).decided()
    for text in ("", " \n", "s3cret and more"):
        file.write_text(text)
        with pytest.raises(SettingsError, match=f"^api_key_file: {file}: expected a key") as raised:
            Settings(api_key_file=file).decided()
        assert "s3cret" not in str(raised.value)


def test_two_keys_conflict(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set only one of TILED_ZARR_API_KEY, TILED_ZARR_API_KEY_FILE"):
        from_environment(TILED_ZARR_API_KEY="a", TILED_ZARR_API_KEY_FILE="b")
    with pytest.raises(SettingsError, match="api_key, api_key_file: give only one of them"):
        Settings(api_key="a", api_key_file=tmp_path).decided()
