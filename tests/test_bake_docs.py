"""docs/bake.md, run as a reader would, and its table of options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import snippets
from tiled_zarr.cli.baking import bake

DOCUMENT = snippets.ROOT / "docs" / "bake.md"


@pytest.mark.slow
@pytest.mark.parametrize("section", snippets.sections(DOCUMENT), ids=lambda section: section.title)
def test_section(section: snippets.Section, tmp_path: Path) -> None:
    snippets.run(section, tmp_path, snippets.checkout())


def test_every_option_is_in_the_table() -> None:
    options = {spelling for parameter in bake.params for spelling in parameter.opts if spelling.startswith("--")}
    assert options <= {*re.findall(r"--[a-z-]+[a-z]", DOCUMENT.read_text())}
