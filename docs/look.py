"""Takes the pictures of docs/look.md, in Chromium, of pages that a server on this machine serves.

`python docs/look.py` takes all of them; `python docs/look.py 11 12` those that begin so. The pages
are those of `tests/browser/pages/test_look.py`, which compares their values and pixels.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser.driving import show  # noqa: E402 - the path comes first
from browser.looks import LOOKS, serve  # noqa: E402

FOLDER = ROOT / "docs" / "images" / "look"
WINDOW = (1040, 650)
"""Pixels of the page; the picture is 640 wide."""
PICTURE = (640, 400)
QUALITIES = (85, 70, 50)
"""WebP's qualities, the best first: fine text stays sharp at 85, and noise needs less."""
MOST_BYTES = 40_000


def shrink(page: Path, picture: Path) -> None:
    """Write a small picture of a page, as good as its size allows."""
    with Image.open(page) as image:
        small = image.convert("RGB").resize(PICTURE, Image.Resampling.LANCZOS)
    for quality in QUALITIES:
        small.save(picture, quality=quality, method=6)
        if picture.stat().st_size <= MOST_BYTES:
            return


def main(chosen: tuple[str, ...]) -> None:
    """Take the pictures whose names begin as chosen."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with serve() as served, tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.png"
        for name, look in LOOKS.items():
            if name.startswith(chosen):
                with served.followed() as growth:
                    actions = [*look.actions, *(growth if name == "15-live" else [])]
                    shown = show(f"{served.server.url}/{look.address}", page, actions=actions, size=WINDOW)
                picture = FOLDER / f"{name}.webp"
                shrink(page, picture)
                print(f"{picture.name}: {picture.stat().st_size} bytes", *shown.console)  # noqa: T201 - this is its output


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or ("",))
