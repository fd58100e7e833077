"""docs/python.md and docs/notebook.ipynb, run as a reader would."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

import snippets

DOCUMENT = snippets.ROOT / "docs" / "python.md"
NOTEBOOK = snippets.ROOT / "docs" / "notebook.ipynb"


@pytest.mark.slow
@pytest.mark.parametrize("section", snippets.sections(DOCUMENT), ids=lambda section: section.title)
def test_section(section: snippets.Section, tmp_path: Path):
    snippets.run(section, tmp_path, snippets.checkout())


def test_every_function_has_a_section():
    assert [section.title for section in snippets.sections(DOCUMENT)] == ["Serve", "Without a server", "From xarray", "Open"]


def cells() -> list[str]:
    """The code of the notebook."""
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each cell in one namespace; the last expression is shown, as Jupyter does."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    shown: list[object] = []
    try:
        for source in cells():
            *before, last = source.splitlines()
            exec("\n".join(before), space)
            try:
                shown.append(eval(last, space))
            except SyntaxError:
                exec(last, space)
            if (server := space.get("server")) is not None and server.background.is_running:  # type: ignore[attr-defined] # a Handle
                [address] = [line.split('"')[1] for line in server._repr_html_().split("src=")[1:]]  # type: ignore[attr-defined]
                with urllib.request.urlopen(address, timeout=30) as answer:
                    assert answer.status == 200
    finally:
        if (server := space.get("server")) is not None:
            server.stop()  # type: ignore[attr-defined]
    assert any(hasattr(value, "_repr_html_") and "stopped" in value._repr_html_() for value in shown)
    assert [value for value in shown if isinstance(value, bool)] == [True] * 4


def test_the_notebook_has_no_outputs():
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
