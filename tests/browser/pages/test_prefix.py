"""The pages with scripts below a path prefix, with a key in the path: no request leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from browser import prefixed
from browser.conftest import environment
from browser.driving import show
from live import Live, live


@pytest.fixture(scope="module")
def below() -> Iterator[Live]:
    with live(app="browser.prefixed:app", env=environment("")) as server:
        yield server


@pytest.mark.parametrize("page", ["view/high_entropy", "explore/flat_array", "explore/tables/short_table"])
def test_no_request_leaves_the_prefix(below: Live, tmp_path: Path, page: str) -> None:
    inside = f"{below.url}{quote(prefixed.PREFIX)}/k/{quote(prefixed.KEY)}/"
    shown = show(f"{inside}{page}", tmp_path / "page.png")
    requests = [request.url for load in shown.loads for request in load if request.url.startswith("http")]
    assert any("zarr/" in url for url in requests)
    assert [url for url in requests if not url.startswith(inside)] == []
