"""`tiled_zarr.open`: whatever can be named becomes its node, and whatever cannot says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import tiled_zarr
from tiled_zarr import Array, Group, Unavailable

VALUES = np.arange(12, dtype="i4").reshape(3, 4)
HEAVY = ("starlette", "jinja2", "click", "yaml", "zarr", "xarray", "tiled_zarr.hierarchy", "tiled_zarr.settings", "asyncio")
"""What `import tiled_zarr` leaves to those who call something."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", VALUES)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["detector/counts"] = VALUES
    tifffile.imwrite(tmp_path / "photo.tif", VALUES.astype("u2"))
    (tmp_path / "notes.docx").write_bytes(b"")
    (tmp_path / "config.yml").write_text("trees: [{path: /runs, directory: .}]\n")
    return tmp_path


def read(node: tiled_zarr.Node) -> np.ndarray:
    assert isinstance(node, Array)
    return node.read(tuple(slice(0, size) for size in node.shape))


def below(node: tiled_zarr.Node, *names: str) -> tiled_zarr.Node:
    for name in names:
        assert isinstance(node, Group)
        node = node.children[name]
    return node


def test_an_object_is_adapted():
    np.testing.assert_array_equal(read(tiled_zarr.open(VALUES)), VALUES)
    np.testing.assert_array_equal(read(below(tiled_zarr.open({"a": {"b": VALUES}}), "a", "b")), VALUES)


def test_a_node_is_itself():
    node = Group({})
    assert tiled_zarr.open(node) is node


@pytest.mark.parametrize("spelled", [str, Path, Path.as_uri], ids=["text", "path", "url"])
@pytest.mark.parametrize(("name", "names"), [("a.npy", ()), ("photo.tif", ()), ("run.h5", ("detector", "counts")), ("", ("a",))])
def test_a_file_or_a_folder(folder: Path, spelled, name: str, names: tuple[str, ...]):
    np.testing.assert_array_equal(read(below(tiled_zarr.open(spelled(folder / name)), *names)), VALUES)


def test_the_home_folder_is_spelled_with_a_tilde(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder))
    assert read(tiled_zarr.open("~/a.npy")).shape == (3, 4)


def test_a_configuration_file(folder: Path):
    np.testing.assert_array_equal(read(below(tiled_zarr.open(folder / "config.yml"), "runs", "a")), VALUES)


def test_module_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "simulated_here.py").write_text("def tree():\n    return {'a': [1, 2, 3]}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert read(below(tiled_zarr.open("simulated_here:tree"), "a")).tolist() == [1, 2, 3]


def test_the_demo_and_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "demo").mkdir()
    np.save(tmp_path / "demo" / "a.npy", VALUES)
    monkeypatch.chdir(tmp_path)
    assert "nested" in below(tiled_zarr.open("demo")).children
    assert list(below(tiled_zarr.open("./demo")).children) == ["a"]


WRONG = {
    "no file": (
        "{folder}/b.npy",
        FileNotFoundError,
        "there is nothing at {folder}/b.npy; give a file, a folder, an address such as s3://BUCKET/KEY, MODULE:NAME, or 'demo'",
    ),
    "no folder": ("{folder}/x/y/b.npy", FileNotFoundError, "there is nothing at {folder}/x/y/b.npy, and {folder} has no 'x'; give a file"),
    "no adapter": ("{folder}/notes.docx", Unavailable, "no adapter for the suffix of 'notes.docx'; known are .b2nd, "),
    "no scheme": ("ftp://host/a.npy", Unavailable, "ftp:// is not read; give an object of a library that reads it, or a file"),
    "a file of another host": ("file://host/a.npy", Unavailable, "file:// is not read"),
    "no module": ("no_such_module:tree", Unavailable, "there is no module 'no_such_module'"),
    "no name in a module": ("json:tree", Unavailable, "json:tree: module 'json' has no attribute 'tree'"),
    "a wrong configuration": ("{folder}/wrong.yml", Unavailable, "tres: unknown (did you mean trees?)"),
    "a configuration of Tiled's": ("{folder}/tiled.yml", Unavailable, "run `tiled-zarr serve config {folder}/tiled.yml`"),
    "no object": (object(), Unavailable, "no adapter for builtins.object; turn it into a numpy array, a mapping or a node"),
}


@pytest.mark.parametrize(("source", "kind", "text"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_opened_says_what_to_do(folder: Path, source, kind: type[Exception], text: str):
    (folder / "wrong.yml").write_text("tres: [{demo: true}]\n")
    (folder / "tiled.yml").write_text("trees: [{path: /, tree: 'tiled.examples.generated:tree'}]\n")
    with pytest.raises(kind) as raised:
        tiled_zarr.open(source.format(folder=folder) if isinstance(source, str) else source)
    assert text.format(folder=folder) in str(raised.value)


def test_a_damaged_file_is_neither_absent_nor_without_adapter(folder: Path):
    (folder / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(OSError, match=r"a\.npy") as raised:
        tiled_zarr.open(folder / "a.npy")
    assert not isinstance(raised.value, FileNotFoundError)


def test_an_import_is_light():
    script = f"import sys, tiled_zarr; print([name for name in {HEAVY!r} if name in sys.modules]); tiled_zarr.open"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'opne'"):
        tiled_zarr.opne  # noqa: B018
    assert "open" in dir(tiled_zarr)
