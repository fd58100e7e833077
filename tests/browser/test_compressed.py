"""A browser gets documents and pages compressed, and shows what they say."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

import pytest

from browser.driving import show
from live import Live


@pytest.mark.parametrize("path", ["", "zarr/v2/.zmetadata", "zarr/v3/zarr.json"])
def test_few_bytes_come_over_the_wire(demo: Live, tmp_path: Path, path: str) -> None:
    url = f"{demo.url}/{path}"
    with urlopen(url) as answer:
        plain = answer.read()
    shown = show(url, tmp_path / "page.png")
    (asked,) = [request for request in shown.loads[0] if request.url == url]
    assert (asked.status, shown.console) == (200, [])
    assert asked.bytes < len(plain) / 3
    assert shown.text.startswith("tiled-zarr") if not path else json.loads(shown.text) == json.loads(plain)
