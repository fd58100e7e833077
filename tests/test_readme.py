from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import snippets
from snippets import ROOT
from tiled_zarr.cli import main

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """The anchor that a heading gets on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document: Path):
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, fragment = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        if fragment:
            assert fragment in map(anchor, HEADING.findall(target.read_text(encoding="utf-8"))), link


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(picture: Path):
    assert picture.stat().st_size < 150_000
    assert any(f"images/{picture.name})" in document.read_text(encoding="utf-8") for document in DOCUMENTS)


@pytest.mark.parametrize("verb", re.findall(r"^\$ make (\w+)", README, re.MULTILINE))
def test_make_knows_the_verbs(verb: str):
    assert re.search(rf"^{verb}:.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"tiled-zarr (serve \w+)", README))))
def test_the_cli_knows_the_commands(command: str):
    result = CliRunner().invoke(main, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output


def test_extras_are_those_of_the_package():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.search(r"what you need of: ([\w ]+)", README)
    assert named
    assert set(named[1].split()) == set(extras) - {"all"}


def test_snippets(tmp_path: Path):
    snippets.furnish(tmp_path)
    [section] = snippets.sections(ROOT / "README.md")
    snippets.run(section, tmp_path, snippets.environment())
