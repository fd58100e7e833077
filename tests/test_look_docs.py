"""docs/look.md shows all pictures there are, each once, of the pages that the browser tests drive."""

from __future__ import annotations

import re

from PIL import Image

from browser.looks import LOOKS
from snippets import ROOT

FOLDER = ROOT / "docs" / "images" / "look"
NAMED = re.findall(r"\]\(images/look/([^)]+)\)", (ROOT / "docs" / "look.md").read_text(encoding="utf-8"))


def test_the_page_has_each_picture_once_in_order() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == NAMED


def test_a_picture_is_of_each_page() -> None:
    assert [f"{name}.webp" for name in LOOKS] == NAMED


def test_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert max(sizes) < 41_000
    assert sum(sizes) < 500_000
    for path in FOLDER.iterdir():
        with Image.open(path) as image:
            assert image.width == 640
