"""`tiled-zarr ls` and `info`, in process and over HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from live import Live, live
from tiled_zarr.cli import main, places

VALUES = np.arange(300 * 300, dtype="<i4").reshape(300, 300)
BAD = "'bad.h5' cannot be read as an HDF5 file"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings are in the environment."""
    for name in [name for name in os.environ if name.startswith("TILED_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("looked at")
    with h5py.File(made / "file.h5", "w") as file:
        file.create_dataset("deep/er/values", data=VALUES, chunks=(100, 150))
        file["pi"] = 3.14
    np.save(made / "x.npy", np.zeros((2, 3), dtype="f4"))
    (made / "bad.h5").write_bytes(b"this is no HDF5")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Live]:
    with live(folder, "--api-key", "s3cret") as running:
        yield running


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def nodes(*words: object) -> dict[str, dict[str, object]]:
    found = json.loads(run("ls", *words, "--json"))["nodes"]
    return {node.pop("path"): node for node in found}


def truth(folder: Path) -> dict[str, object]:
    """The arrays of the folder with their shapes, as the libraries of the files say it."""
    found: dict[str, object] = {"/x": [*np.load(folder / "x.npy").shape]}
    with h5py.File(folder / "file.h5") as file:
        file.visititems(lambda name, item: found.update({f"/file/{name}": [*item.shape]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_a_tree_is_printed(folder: Path) -> None:
    lines = run("ls", folder).splitlines()
    assert lines[:6] == [
        "/  group",
        "  file  group",
        "    deep  group",
        "      er  group",
        "    pi  array  one item  float64  chunks one item",
        "  x  array  2 x 3  float32  chunks 2 x 3",
    ]
    assert lines[6].startswith(f"left out: /bad: {BAD}")
    assert lines[7] == "/file/deep/er holds 1 more; --depth 4 goes there"


def test_the_shapes_are_those_of_the_files(folder: Path) -> None:
    found = nodes(folder, "--depth", "9")
    assert {path: node["shape"] for path, node in found.items() if node["kind"] == "array"} == truth(folder)
    assert found["/file/deep/er/values"]["data_type"] == "int32"


def test_a_running_server_shows_the_same(folder: Path, server: Live) -> None:
    here = json.loads(run("ls", folder, "--depth", "9", "--json"))
    for address in (f"{server.url}/k/s3cret", f"{server.url}/?api_key=s3cret", f"{server.url}/zarr/v2/::"):
        key = [] if "s3cret" in address else ["-k", "s3cret"]
        assert json.loads(run("ls", address, *key, "--depth", "9", "--json")) == here


@pytest.mark.parametrize("path", ["/zarr/v3/file/deep", "/view/file/deep", "::file/deep"])
def test_an_address_may_be_that_of_a_node(server: Live, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILED_ZARR_API_KEY", "s3cret")
    assert [*nodes(server.url + path)] == ["/file/deep", "/file/deep/er", "/file/deep/er/values"]


def test_what_is_printed_is_bounded(folder: Path) -> None:
    assert run("ls", folder, "--most", "2").splitlines()[-2:] == [
        "/file holds 2 more; --most 4 prints twice as many",
        "/ holds 1 more; --most 4 prints twice as many",
    ]


def test_several_things_and_options_for_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "y.odd").write_bytes((folder / "x.npy").read_bytes())
    assert [*nodes(folder / "x.npy", tmp_path / "y.odd", "--ext", ".odd=npy")] == ["/", "/x", "/y"]


def facts(*words: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(run("info", *words, "--json"))
    return found


def test_a_node_of_a_file(folder: Path) -> None:
    found = facts(f"{folder}/file.h5::deep/er/values")
    assert (found["shape"], found["type"]) == ("300 x 300", "int32")
    with h5py.File(folder / "file.h5") as file:
        assert found["chunks in the source"] == " x ".join(map(str, file["deep/er/values"].chunks))
    assert f"{folder.joinpath('file.h5').stat().st_mtime_ns:x}" in str(found["revision"])
    assert re.fullmatch(r"c/0/0, \d+ bytes", str(found["one chunk"]))
    assert all(re.fullmatch(r"\d+\.\d{3} ms", str(found[name])) for name in ("time", "time again"))


def test_a_chunk_has_the_size_that_clients_get(folder: Path, server: Live) -> None:
    here = facts(f"{folder}/file.h5::deep/er/values")
    there = facts(f"{server.url}/k/s3cret/zarr/v3/file/deep/er/values")
    assert here["one chunk"] == there["one chunk"]
    array = zarr.open_array(f"{server.url}/k/s3cret/zarr/v3/file/deep/er/values", mode="r", zarr_format=3)
    assert here["chunks on the wire"] == there["chunks on the wire"] == " x ".join(map(str, array.chunks))
    np.testing.assert_array_equal(array[...], VALUES)


def test_a_file_that_is_an_array_is_its_node(folder: Path) -> None:
    assert facts(folder / "x.npy")["shape"] == "2 x 3"
    assert facts(folder) == {"path": "/", "kind": "group", "children": 2, "left out": 1}


@pytest.mark.parametrize("name", ["pc%20", "q?m", "ha#sh"])
def test_a_file_whose_name_has_an_alias_on_the_wire(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / f"{name}.npy", np.zeros((2, 3)))
    assert facts(tmp_path / f"{name}.npy")["shape"] == "2 x 3"


def test_an_array_without_items_has_no_chunk(tmp_path: Path) -> None:
    np.save(tmp_path / "empty.npy", np.zeros((0, 3)))
    assert "one chunk" not in facts(tmp_path / "empty.npy")


def test_failures_are_one_line(folder: Path, server: Live) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    expected = {
        f"{folder}/file.h5::nothing": "there is no node /nothing",
        f"{folder}/bad.h5": f"{folder}/bad.h5 cannot be served: {BAD}",
        "nothing": "there is no such file or folder",
        f"{server.url}/k/wr0ng": "answers 401: ",
        server.url: "answers 401: give the key with --api-key or TILED_ZARR_API_KEY",
        f"{server.url}/k/s3cret/zarr/v3/nothing": "answers 404",
        f"http://127.0.0.1:{closed}": "does not answer",
    }
    for word, message in expected.items():
        for command in ("ls", "info"):
            output = run(command, word, code=1)
            assert message in output, word
            assert output.count("\n") == 1
            assert "s3cret" not in output


class Moved(BaseHTTPRequestHandler):
    """Sends everybody to another address."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_a_key_is_not_taken_to_another_server() -> None:
    with HTTPServer(("127.0.0.1", 0), Moved) as moved:
        threading.Thread(target=moved.handle_request, daemon=True).start()
        place = places.OverHTTP(f"http://127.0.0.1:{moved.server_port}", "s3cret")
        with pytest.raises(places.CannotLook, match=r"leads to http://127\.0\.0\.1:1/elsewhere; give that address"):
            place.document("")
