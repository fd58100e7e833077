"""Files that no adapter knows are counted by suffix, and named.

That is done at the start, in attributes, in listings and on pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asgi import ask
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.cli.worker import application
from tiled_zarr.settings import Mount, Settings

JSON = {"accept": "application/json"}
SAID = "13 files of unknown kind: czi, lif, without suffix, b&lt;i&gt;"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", np.arange(3))
    for number in range(8):
        (tmp_path / f"{number}.CZI").touch()
    for name in ("x.lif", "y.lif", "z.tar.lif", "README", "a.b<i>", ".hidden.czi", ".git"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "more.czi").touch()
    (tmp_path / "known").mkdir()
    return tmp_path


def test_they_are_counted(folder: Path, make: Callable[..., Any]) -> None:
    app = make(open_directory(folder))
    suffixes = {"": 1, "b<i>": 1, "czi": 8, "lif": 3}
    for path, name in (("/zarr/v3/zarr.json", "attributes"), ("/zarr/v2/.zattrs", None)):
        document = json.loads(ask(app, path).body)
        assert (document[name] if name else document) == {"tiled_zarr": {"unknown": {"files": 13, "suffixes": suffixes}}}
    for path in ("/zarr/v3/", "/zarr/v2", "/"):
        document = json.loads(ask(app, path, headers=JSON).body)
        assert (document["unknown"], document["unavailable"]) == (suffixes, {})
    assert json.loads(ask(app, "/zarr/v3/known", headers=JSON).body)["unknown"] == {}
    assert json.loads(ask(app, "/zarr/v3/known/zarr.json").body)["attributes"] == {}
    for path in ("/zarr/v3/", "/"):
        assert SAID in ask(app, path).body.decode()
    assert "1 file of unknown kind: czi" in ask(app, "/view/below").body.decode()
    assert "unknown kind" not in ask(app, "/view/known").body.decode()


def test_what_comes_and_goes_is_counted_anew(folder: Path, make: Callable[..., Any]) -> None:
    app = make(open_directory(folder))
    ask(app, "/zarr/v3/below/zarr.json")
    (folder / "below" / "other.vsi").touch()
    (folder / "below" / "more.czi").unlink()
    assert json.loads(ask(app, "/zarr/v3/below", headers=JSON).body)["unknown"] == {"vsi": 1}


def test_suffixes_without_number_are_counted_together(folder: Path, make: Callable[..., Any]) -> None:
    for number in range(150):
        (folder / "known" / f"x.{number}").touch()
    for number in range(2):
        (folder / "known" / f"{number}.many").touch()
    found = json.loads(ask(make(open_directory(folder)), "/zarr/v3/known", headers=JSON).body)["unknown"]
    assert (len(found), found["many"], found["*"], sum(found.values())) == (101, 2, 51, 152)


def test_they_are_said_at_start(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of all folders together, once the files are indexed."""
    mount = Mount(source="directory", target=str(folder))
    application(Settings(trees=(mount,), public=True), 1, is_shown=True)
    assert caplog.messages == ["14 files of unknown kind: czi, lif, without suffix, b<i>"]


def test_a_store_cannot_say_it(tmp_path: Path, make: Callable[..., Any]) -> None:
    """What a source says under our key stands apart."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "s" / ".zattrs").write_text('{"tiled_zarr": {"unknown": {"suffixes": {"x": "many"}}}}')
    app = make(open_directory(tmp_path))
    assert json.loads(ask(app, "/zarr/v3/s", headers=JSON).body)["unknown"] == {}
    assert ask(app, "/view/s").status == 200
