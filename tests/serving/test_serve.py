"""`tiled_zarr.serve`: a server in this process, and everything that must be gone when it stops."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import xarray

import tiled_zarr
from tiled_zarr.serving import Handle
from tiled_zarr.settings import SettingsError

IMAGE = np.arange(300 * 400, dtype="u2").reshape(300, 400)
SECONDS = 30
OF_ZARR = ("zarr_io", "asyncio_", "fsspecIO")
"""Threads that zarr-python and fsspec keep for the process."""


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(OF_ZARR)}


def left(before: set[threading.Thread]) -> set[threading.Thread]:
    """The threads that are more than before, as soon as those that are ending have ended.

    A helper process is killed, and a thread waits for its end.
    """
    for thread in threads() - before:
        thread.join(SECONDS)
    return threads() - before


def processes() -> set[str]:
    """The children of this process."""
    files = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {child for file in files for child in file.read_text().split()}


def asked(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SECONDS) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {}, error.read()


def bare(handle: Handle) -> str:
    """The address without the key."""
    return f"http://127.0.0.1:{handle.port}"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["counts"] = IMAGE
    tifffile.imwrite(tmp_path / "photo.tif", IMAGE)
    return tmp_path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_values_are_those_of_the_object(zarr_format: int):
    with tiled_zarr.serve({"below": {"image": IMAGE}}) as handle:
        np.testing.assert_array_equal(handle.zarr("below/image", zarr_format)[...], IMAGE)
        assert list(handle.zarr(zarr_format=zarr_format)) == ["below"]


def test_what_is_no_group_is_an_only_child(files: Path):
    for source, name in [(IMAGE, "array"), (files / "photo.tif", "photo"), (xarray.DataArray(IMAGE, name="t"), "t")]:
        with tiled_zarr.serve(source) as handle:
            assert name in handle
            np.testing.assert_array_equal(handle.zarr(name)[...], IMAGE)


def test_an_only_child_of_a_module_has_its_name_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "simulated_to_serve.py").write_text("import numpy\nfield = numpy.ones(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with tiled_zarr.serve("simulated_to_serve:field") as handle:
        assert handle.zarr("field")[...].tolist() == [1, 1, 1]


def test_a_dataset_opens_in_xarray_from_its_url():
    dataset = xarray.Dataset({"t": ("x", [1.5, 2.5])}, {"x": [10, 20]}, {"title": "waves"})
    with tiled_zarr.serve(dataset) as handle:
        xarray.testing.assert_identical(xarray.open_zarr(f"{handle.url}/zarr/v3", chunks=None).load().drop_encoding(), dataset)


def test_objects_and_files_come_and_go_while_it_runs(files: Path):
    with tiled_zarr.serve() as handle:
        assert list(handle.zarr()) == []
        handle["image"] = IMAGE
        handle["run"] = files / "run.h5"
        handle["files"] = str(files)
        assert sorted(handle.zarr()) == ["files", "image", "run"]
        np.testing.assert_array_equal(handle.zarr("run/counts")[...], IMAGE)
        np.testing.assert_array_equal(handle.zarr("files/photo")[...], IMAGE)
        np.testing.assert_array_equal(handle.zarr("image")[...], IMAGE)
        for step in range(1, 4):
            handle["image"] = IMAGE + step
            np.testing.assert_array_equal(handle.zarr("image")[...], IMAGE + step)
            handle["deep"] = {"image": IMAGE + step}
            np.testing.assert_array_equal(handle.zarr("deep/image")[...], IMAGE + step)
        del handle["deep"]
        del handle["image"]
        assert sorted(handle.zarr()) == ["files", "run"]
        assert asked(f"{handle.url}/zarr/v3/image/zarr.json")[0] == 404
        with pytest.raises(KeyError, match="added are run, files"):
            del handle["image"]
        with pytest.raises(FileNotFoundError):
            handle["nothing"] = files / "nothing.tif"
        with pytest.raises(ValueError, match="without slashes"):
            handle["a/b"] = IMAGE


def test_what_is_added_to_a_group_hides_a_child_until_it_is_removed():
    with tiled_zarr.serve({"a": np.zeros(3), "b": np.ones(3)}) as handle:
        assert handle.zarr("a")[...].tolist() == [0, 0, 0]
        handle["a"] = np.full(3, 7.0)
        assert sorted(handle.zarr()) == ["a", "b"]
        assert handle.zarr("a")[...].tolist() == [7, 7, 7]
        del handle["a"]
        assert handle.zarr("a")[...].tolist() == [0, 0, 0]


def test_it_is_closed_to_all_who_do_not_have_the_key():
    with tiled_zarr.serve(IMAGE) as handle, tiled_zarr.serve(IMAGE) as other:
        assert handle.api_key != other.api_key
        assert len(handle.api_key or "") >= 32
        assert asked(f"{bare(handle)}/zarr/v3/zarr.json")[0] == 401
        assert asked(f"{bare(handle)}/k/{other.api_key}/zarr/v3/zarr.json")[0] == 401
        assert asked(f"{handle.url}/zarr/v3/zarr.json")[0] == 200
        with socket.create_connection(("127.0.0.1", handle.port), SECONDS) as connection:
            assert connection.getpeername()[0] == "127.0.0.1"
        assert handle.background.listener.getsockname()[0] == "127.0.0.1"


def test_public_data_need_no_key_and_a_given_key_is_the_key():
    with tiled_zarr.serve(IMAGE, public=True) as handle:
        assert handle.url == bare(handle)
        assert asked(f"{handle.url}/zarr/v3/zarr.json")[0] == 200
    with tiled_zarr.serve(IMAGE, api_key="secret") as handle:
        assert handle.url == f"{bare(handle)}/k/secret"
        assert asked(f"{bare(handle)}/zarr/v3/zarr.json", authorization="Apikey secret")[0] == 200


def test_settings_are_keywords():
    with tiled_zarr.serve(IMAGE, codec="zstd:3", chunk_shape=[100, 100]) as handle:
        array = handle.zarr("array")
        assert (array.chunks, array.compressors[0].to_dict()["name"]) == ((100, 100), "zstd")
    with pytest.raises(SettingsError, match=r"codecs: there is no such setting \(did you mean codec\?\)"):
        tiled_zarr.serve(IMAGE, codecs="zstd")
    with pytest.raises(SettingsError, match="workers: a server in this process has no such setting"):
        tiled_zarr.serve(IMAGE, workers=2)
    with pytest.raises(SettingsError, match="codec: "):
        tiled_zarr.serve(IMAGE, codec="zap")


def test_several_share_nothing_and_leave_nothing(files: Path):
    before, children = threads(), processes()
    handles = [tiled_zarr.serve(files) for _ in range(3)]
    for handle in handles:
        np.testing.assert_array_equal(handle.zarr("run/counts")[...], IMAGE)
    assert len({id(handle.contents.resources) for handle in handles}) == 3
    assert len({handle.port for handle in handles}) == 3
    assert processes() > children
    handles[0].stop()
    assert asked(f"{handles[1].url}/zarr/v3/zarr.json")[0] == 200
    for handle in handles:
        handle.stop()
        handle.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", handle.port), SECONDS)
        assert "stopped" in repr(handle)
    assert left(before) == set()
    assert processes() - children == set()


def test_a_server_that_cannot_start_leaves_nothing():
    before = threads()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="choose another port, or 0 for a free one"):
        tiled_zarr.serve(IMAGE, port=taken.getsockname()[1])
    with pytest.raises(tiled_zarr.Unavailable, match="no adapter"):
        tiled_zarr.serve(object())
    assert left(before) == set()


def test_it_starts_and_stops_inside_a_running_event_loop():
    """As in a notebook, whose cells run in one."""
    import asyncio

    async def cell() -> list[int]:
        with tiled_zarr.serve(np.arange(3)) as handle:
            return handle.zarr("array")[...].tolist()

    assert asyncio.run(cell()) == [0, 1, 2]


def test_hypercorn_serves_where_uvicorn_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    before = threads()
    monkeypatch.setattr("tiled_zarr.serving.background.best", lambda: "hypercorn")
    with tiled_zarr.serve(IMAGE) as handle:
        np.testing.assert_array_equal(handle.zarr("array")[...], IMAGE)
    assert left(before) == set()


def test_a_notebook_shows_the_tree_and_the_viewer():
    with tiled_zarr.serve({"<b>": IMAGE, "below": {"a": IMAGE, **{f"{i}": 1 for i in range(30)}}}) as handle:
        html = handle._repr_html_()
        assert "<b>&lt;b&gt;</b> uint16 300 x 400" in html
        assert "<li>...</li>" in html
        [address] = re.findall(r'<iframe src="([^"]+)"', html)
        assert address == handle.view()
        assert asked(address)[0] == 200
        assert b"viewer" in asked(handle.view("below/a"))[2]
    assert "iframe" not in handle._repr_html_()


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "frame-ancestors 'self';"), (("http://localhost:8888",), "frame-ancestors 'self' http://localhost:8888;")],
)
def test_only_those_who_are_named_may_show_it_in_a_frame(given, expected: str):
    with tiled_zarr.serve({"image": IMAGE}, frame_ancestors=given) as handle:
        for address in (handle.view("image"), handle.view(), f"{handle.url}/zarr/v3/"):
            assert expected in asked(address)[1]["content-security-policy"] + ";", address


@pytest.mark.parametrize(
    "wrong", ["http://localhost:8888", ["localhost"], ["https://a.example; script-src *"], ["https://a.example\r\nx: y"]], ids=str
)
def test_what_is_no_list_of_origins_is_refused(wrong):
    before = threads()
    with pytest.raises(SettingsError, match="is no origin; give a list"):
        tiled_zarr.serve(IMAGE, frame_ancestors=wrong)
    assert left(before) == set()


def test_a_notebook_kernel_lets_the_notebooks_of_this_machine_show_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    with tiled_zarr.serve(IMAGE) as handle:
        assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*" in asked(handle.view())[1]["content-security-policy"]


def test_a_request_under_way_is_answered_before_the_server_ends():
    begun, free = threading.Event(), threading.Event()

    def read(region):
        begun.set()
        assert free.wait(SECONDS)
        return IMAGE[region]

    before = threads()
    handle = tiled_zarr.serve({"a": tiled_zarr.Array(shape=IMAGE.shape, dtype=IMAGE.dtype, read=read)})
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(asked, f"{handle.url}/zarr/v3/a/c/0/0")
        assert begun.wait(SECONDS)
        stopping = pool.submit(handle.stop)
        while handle.background.is_running:
            time.sleep(0.01)
        free.set()
        assert answer.result(SECONDS)[0] == 200
        stopping.result(SECONDS)
    assert left(before) == set()


@pytest.mark.parametrize(("proxy", "hub"), [("/user/jo/proxy/{port}/", None), (None, "/user/jo/")], ids=["given", "of JupyterHub"])
def test_a_proxy_in_front_is_where_the_browser_goes(proxy: str | None, hub: str | None, monkeypatch: pytest.MonkeyPatch):
    """jupyter-server-proxy takes the prefix off the path, and leaves the Host as the browser sent it."""
    if hub:
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", hub)
    with tiled_zarr.serve({"image": IMAGE}, proxy=proxy) as handle:
        prefix = f"/user/jo/proxy/{handle.port}"
        assert handle.view("image") == f"{prefix}/k/{handle.api_key}/view/image"
        assert f'<iframe src="{prefix}/k/' in handle._repr_html_()
        status, _, body = asked(f"{bare(handle)}{handle.view('image').removeprefix(prefix)}", host="hub.example")
        assert status == 200
        assert not re.findall(rb'(?:src|href)="/', body)
        assert handle.url.startswith(bare(handle))
    with tiled_zarr.serve(IMAGE, proxy="/proxy/{port}/", public=True) as handle:
        assert asked(f"{handle.url}/zarr/v3/zarr.json", host="evil.example")[0] == 421
