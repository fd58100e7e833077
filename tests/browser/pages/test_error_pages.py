"""The pages of errors in a browser: axe finds nothing, and each says what to do next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browser import refusals
from browser.conftest import TESTS
from browser.judging import judged
from live import Live, live

LOOKS = [("light", 1100), ("dark", 1100), ("light", 390), ("dark", 390)]
PATHS = {status: f"/view/fails with {status}" for status in refusals.WHYS} | {
    400: "/?sort=size",
    404: "/view/fails without a number",
    414: "/view/" + "a/" * 600,
    501: "/view/image",
}
WAYS = {
    400: ["Go back and choose again", "sort is one of name, -name, kind, source", "To the first page"],
    401: ["Key", "Open"],
    403: ["Ask who runs this server", "only its users read", "To the first page"],
    404: ["may be misspelled", "To the first page"],
    413: ["Ask for a part of it", "?slice=0:1000", "To the first page"],
    414: ["Shorten it", "512 parts", "To the first page"],
    421: ["such as localhost", "TILED_ZARR_ALLOWED_HOSTS=other.localhost"],
    422: ["look at the source", "promises 100", "To the first page"],
    500: ["in its log", "the source of these data failed", "Try again", "To the first page"],
    501: ["all other pages work", "Install Node 18 or newer", "To the first page"],
    503: ["busy, or away", "does not answer", "Try again in 5 s", "To the first page"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """The tree of failures, open to all."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    with live(env={"TILED_ZARR_TREE": "browser.refusals:tree", "TILED_ZARR_PUBLIC": "1", "PYTHONPATH": path}) as running:
        yield running


@pytest.mark.parametrize("status", WAYS)
def test_every_page_is_accessible_and_says_what_to_do(server: Live, tmp_path: Path, status: int) -> None:
    address = urlsplit(server.url)
    origin = f"http://other.localhost:{address.port}" if status == 421 else server.url
    page = judged(f"{origin}{PATHS.get(status, '/')}", tmp_path / "page.png", looks=LOOKS)
    assert (page.status, page.violations, page.isWide) == (status, [], False)
    assert page.hosts == {urlsplit(origin).netloc}
    assert [line for line in page.console if f"status of {status}" not in line] == []
    assert page.passes > 8 * len(LOOKS)
    assert [way for way in WAYS[status] if way not in page.text] == []
