"""What `serve config` says, and refuses, with a configuration of Tiled's server."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from tiled_zarr.cli import addresses, commands, main
from tiled_zarr.settings import Settings
from tiled_zarr.settings.deployments import Deployment

SINGLE = "Anyone with one of these links can write and read the data."
SAID = {
    "a generated key": (Deployment(path=Path("c.yml")), None, "generated", SINGLE),
    "the key of the configuration": (Deployment(path=Path("c.yml"), key="configured"), None, "configured", SINGLE),
    "a key that was given": (Deployment(path=Path("c.yml"), key="configured"), "given", "given", SINGLE),
    "a public server": (
        Deployment(path=Path("c.yml"), is_public=True),
        None,
        "generated",
        f"{SINGLE} Without the key, anyone can read the data.",
    ),
    "users": (
        Deployment(path=Path("c.yml"), has_users=True),
        None,
        None,
        "Anyone who signs in can, as far as the access policy of the configuration allows it, read the data.",
    ),
    "users, and public data": (
        Deployment(path=Path("c.yml"), has_users=True, is_public=True),
        None,
        None,
        "Anyone can, as far as the access policy of the configuration allows it, read the data.",
    ),
}


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has an address for others."""
    monkeypatch.setattr(addresses, "own", lambda: "10.0.0.5")


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(("tiled", "given", "key", "sentence"), SAID.values(), ids=SAID)
def test_what_is_said_at_the_start(
    capsys: pytest.CaptureFixture[str], tiled: Deployment, given: str | None, key: str | None, sentence: str
) -> None:
    settings = dataclasses.replace(commands.with_key(Settings(trees=(), tiled=tiled), "generated"), api_key=given)
    commands.announce(settings, "0.0.0.0", 8000)
    said = capsys.readouterr().out
    base = f"http://127.0.0.1:8000{f'/k/{key}' if key else ''}"
    assert said.splitlines() == [
        "tiled-zarr serves the configuration c.yml of Tiled",
        "",
        f"    Tiled    http://127.0.0.1:8000{f'?api_key={key}' if key else '/'}",
        f"    browse   {base}/view/",
        f"    Zarr v2  {base}/zarr/v2/",
        f"    Zarr v3  {base}/zarr/v3/",
        f"    network  http://10.0.0.5:8000{f'/k/{key}' if key else ''}/view/",
        "",
        sentence,
    ]


def test_keys_are_not_shown_in_errors() -> None:
    settings = commands.with_key(Settings(trees=(), tiled=Deployment(path=Path("c.yml"), key="configured")), "generated")
    assert "configured" not in repr(settings)
    assert "generated'" not in repr(settings)


def test_tls_that_cannot_be_spoken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("trees: [{path: /, tree: 'a:b'}]\nuvicorn: {ssl_certfile: a.pem, ssl_keyfile: b.pem}\n")
    result = CliRunner().invoke(main, ["serve", "config", str(tmp_path / "c.yml")])
    assert result.exit_code == 1
    assert result.output.startswith("Error: c.yml, line 2: uvicorn.ssl_certfile, c.yml, line 2: uvicorn.ssl_keyfile: `tiled-zarr serve`")


def test_tileds_variable_names_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("trees: [{path: /, tree: 'a:b'}]\nuvicorn: {uds: a.sock}\n")
    result = CliRunner().invoke(main, ["serve", "config"], env={"TILED_CONFIG": str(tmp_path / "c.yml")})
    assert result.output.startswith("Error: c.yml, line 2: uvicorn.uds: ")
    assert "Usage:" in CliRunner().invoke(main, ["serve", "config"], env={"TILED_CONFIG": None}).output
