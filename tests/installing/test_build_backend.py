"""When the viewer is built before it is packaged, and what is said if it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import build_backend
import pytest
from build_backend import licences, viewer


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A viewer of one source and a newer bundle; builds are counted in `made` and touch nothing."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (tmp_path / "viewer" / "src").mkdir(parents=True)
    for name in viewer.FILES:
        (folder / name).write_text("x")
    for path in [tmp_path / "viewer" / "package-lock.json", tmp_path / "viewer" / "src" / "main.ts"]:
        path.write_text("{}")
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(viewer, "BUNDLE", folder)
    monkeypatch.setattr(viewer, "SOURCES", tmp_path / "viewer")
    monkeypatch.setattr(viewer, "LOCK", tmp_path / "viewer" / "package-lock.json")
    monkeypatch.setattr(viewer, "INSTALLED", tmp_path / "viewer" / "node_modules" / ".package-lock.json")
    monkeypatch.setattr(licences, "FOLDER", tmp_path / "third-party")
    monkeypatch.setattr(licences, "NPM", tmp_path / "third-party" / "npm.txt")
    return folder


@pytest.fixture
def no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Node of version 20, and an npm that logs its arguments.

    npm fails if there is a file `broken` next to it.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    asked = programs / "asked"
    asked.touch()
    texts = {
        "node": "echo v20.1.0",
        "npm": f'echo "$*" >> {asked}; test ! -e {programs}/broken || exit 3; mkdir -p {viewer.INSTALLED.parent}; : > {viewer.INSTALLED}',
    }
    for name, text in texts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return asked


def asked_for(npm: Path) -> list[str]:
    return [line.split()[2] for line in npm.read_text().splitlines()]


@pytest.mark.usefixtures("no_node")
def test_a_fresh_bundle_needs_no_node(bundle: Path) -> None:
    viewer.build_if_stale()
    (bundle.parent / "viewer" / "package-lock.json").unlink()
    viewer.build_if_stale()


def test_a_stale_bundle_is_built(bundle: Path, npm: Path) -> None:
    (bundle.parent / "viewer" / "src" / "new.ts").write_text("x")
    for name in viewer.FILES:
        os.utime(bundle / name, (1e9, 1e9))
    viewer.build_if_stale()
    assert asked_for(npm) == ["ci", "run"]
    viewer.build_if_stale()
    assert asked_for(npm) == ["ci", "run", "run"]  # what the lock names was there


def test_a_bundle_that_is_not_whole_is_built(bundle: Path, npm: Path) -> None:
    (bundle / "viewer.css").unlink()
    viewer.build_if_stale()
    assert asked_for(npm) == ["ci", "run"]


def test_a_build_that_fails_says_how_to_go_without(bundle: Path, npm: Path) -> None:
    (bundle / "viewer.css").unlink()
    (npm.parent / "broken").touch()
    with pytest.raises(SystemExit, match=r"exit status 3.*pip install \. --config-settings viewer=no"):
        viewer.build_if_stale()


@pytest.mark.usefixtures("no_node")
def test_a_wheel_without_node_says_what_to_do(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(licences, "write_crates", lambda: None)
    (bundle / "viewer.js").unlink()
    licences.FOLDER.mkdir()
    licences.NPM.write_text("of a bundle that was here before")
    build_backend.prepare(None)
    said = capsys.readouterr().err
    assert said.startswith("WARNING: this installation will have no viewer page (/view/ answers 501). npm was not found")
    assert "apt-get install nodejs npm" in said
    assert not licences.NPM.exists()


@pytest.mark.usefixtures("no_node")
def test_a_source_archive_is_not_made_without_the_bundle(bundle: Path, tmp_path: Path) -> None:
    (bundle / "viewer.js").unlink()
    with pytest.raises(SystemExit, match=r"^A source archive carries the viewer's bundle\. npm was not found"):
        build_backend.build_sdist(str(tmp_path))


@pytest.mark.parametrize(("version", "major"), [("v20.1.0", 20), ("v16.20.2", 16), ("", 0)])
def test_the_version_of_node(tmp_path: Path, npm: Path, version: str, major: int) -> None:
    (npm.parent / "node").write_text(f"#!/bin/sh\necho {version}\n")
    assert viewer.node_version() == major


def test_who_wants_no_viewer_gets_none(bundle: Path, npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "write_crates", lambda: None)
    (bundle / "viewer.js").unlink()
    build_backend.prepare({"viewer": "no"})
    assert asked_for(npm) == []


def test_zig_is_asked_for_only_if_it_links() -> None:
    assert "ziglang>=0.13" in build_backend.get_requires_for_build_wheel({"build-args": "--locked --zig"})
    assert not any("zig" in line for line in build_backend.get_requires_for_build_wheel(None))
