from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import snippets
from clients import envs

pytestmark = pytest.mark.slow

SECTIONS = {section.title: section for section in snippets.sections(snippets.ROOT / "docs" / "quickstart.md")}
TILED = "Behind Tiled's adapters"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader works: what one section leaves there the next one finds."""
    path = tmp_path_factory.mktemp("quickstart")
    snippets.furnish(path)
    return path


@pytest.mark.parametrize("title", [title for title in SECTIONS if title != TILED])
def test_section(title: str, folder: Path):
    snippets.run(SECTIONS[title], folder, snippets.environment())


def test_section_with_tiled(tmp_path: Path):
    """Tiled has an environment of its own, in which this package stands as source."""
    command = tmp_path / "tiled-zarr"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={snippets.ROOT / "python"} exec {envs.interpreter("tiled")} -m tiled_zarr "$@"\n')
    command.chmod(0o755)
    snippets.run(SECTIONS[TILED], tmp_path, snippets.environment(tmp_path))


def test_every_language_occurs():
    assert {language for section in SECTIONS.values() for language, _ in section.blocks} == snippets.RUN


def test_node_is_here():
    assert shutil.which("node"), "the snippets in JavaScript need node: apt-get install nodejs npm"
