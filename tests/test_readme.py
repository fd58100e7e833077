from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import snippets
from snippets import ROOT
from tiled_zarr.cli import main

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVERS = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
SHORT_LINES = {
    "README.md",
    "adapters.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy.md",
    "python.md",
    "quickstart.md",
    "remote.md",
    "servers.md",
    "tiled.md",
}
NO_PROSE = ("|", "![", "    ", "`")
"""How a line begins that is a row of a table, a picture or a command."""
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


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").glob("*.*")), ids=lambda path: path.name)
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


@pytest.mark.slow
@pytest.mark.parametrize("section", snippets.sections(ROOT / "README.md"), ids=lambda section: section.title or "first screen")
def test_snippets(section: snippets.Section, tmp_path: Path):
    snippets.furnish(tmp_path)
    snippets.run(section, tmp_path, snippets.checkout())


def test_the_first_screen_and_the_section_on_reading_have_snippets():
    assert [section.title for section in snippets.sections(ROOT / "README.md")] == ["", "Read"]


def test_the_number_is_the_one_that_was_measured():
    """docs/servers.md is written from the record; when it changes, so must README."""
    said = re.search(r"encodes ([\d,]+) chunks of 512 x 512 pixels a second, ([\d.]+) times as many as Tiled's", README.replace("\n", " "))
    [row] = re.findall(r"^\| uvicorn, 512 x 512 u2 \| cache off \| (\d+) \| Tiled \| \d+ \| \*\*([\d.]+)\*\*", SERVERS, re.MULTILINE)
    assert said
    assert (said[1].replace(",", ""), said[2]) == row


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document.name in SHORT_LINES], ids=lambda path: path.name)
def test_prose_has_at_most_100_columns(document: Path):
    prose = snippets.FENCE.sub("", document.read_text(encoding="utf-8"))
    assert [line for line in prose.splitlines() if len(line) > 100 and not line.startswith(NO_PROSE)] == []
