"""Empty and damaged nodes in the viewer and on the page of a table: the page says what is wrong, the console nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from browser import damages
from browser.conftest import environment
from browser.driving import Action, show
from live import Live, live


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """The tree of `damages`."""
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.damages:tree", "TILED_ZARR_PUBLIC": "1"}) as running:
        yield running


@pytest.mark.parametrize(("path", "said"), [(f"view/{name}", said) for name, said in damages.DAMAGE.items()])
def test_the_viewer_says_it_and_not_the_console(server: Live, tmp_path: Path, path: str, said: str) -> None:
    shown = show(f"{server.url}/{quote(path)}", tmp_path / "page.png")
    assert [line for line in shown.console if not line.startswith("Failed to load resource")] == []
    assert said in shown.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["explore/good and failing", "view/failing", "view/stored/empty"])
def test_axe_finds_nothing_where_it_is_said(server: Live, tmp_path: Path, path: str, scheme: str) -> None:
    """axe does not judge a text that has the colour of its ground, so this is asked apart."""
    again = "[...document.querySelectorAll('button')].find((button) => button.textContent === 'Try again')"
    differs: Action = ("value", f"(({{ color, backgroundColor }}) => color !== backgroundColor)(getComputedStyle({again}))")
    assert show(f"{server.url}/{quote(path)}", tmp_path / "page.png", actions=[("axe",), differs], scheme=scheme).said == ["true"]


@pytest.mark.parametrize(("path", "said"), [(f"explore/{name}", said) for name, said in damages.TABLES.items()])
def test_the_table_says_it_and_not_the_console(server: Live, tmp_path: Path, path: str, said: str) -> None:
    shown = show(f"{server.url}/{quote(path)}", tmp_path / "page.png")
    assert [line for line in shown.console if not line.startswith("Failed to load resource")] == []
    assert said in shown.text
