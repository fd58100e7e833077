"""A server in a notebook, reached through the real jupyter-server-proxy."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import live
import tiled_zarr
from browser import driving
from browser.driving import show
from clients import envs

IMAGE = np.arange(600 * 700, dtype="u2").reshape(600, 700)
TOKEN = "the-notebook"
CHUNK = "zarr/v3/image/c/0/0"
CHROMIUM = driving.installed() is not None


class Notebook(NamedTuple):
    """A notebook's server, and a server of ours behind its proxy."""

    port: int
    ours: tiled_zarr.serving.Handle

    @property
    def prefix(self) -> str:
        """The path of our server with its key, on the notebook's server."""
        return f"/proxy/{self.ours.port}/k/{self.ours.api_key}"

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower case names, and body; as who is signed in to the notebook."""
        return self.raw(path, method, {"Authorization": f"token {TOKEN}", **headers})

    def raw(self, path: str, method: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(live.HOST, self.port, timeout=60)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found


def wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the notebook's server answers. Raises RuntimeError with its output if it does not."""
    end = time.monotonic() + live.START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"http://{live.HOST}:{port}/api", timeout=5):
            return
        time.sleep(0.05)
    raise RuntimeError(f"jupyter-server does not answer\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    folder, port = tmp_path_factory.mktemp("notebook"), live.free_port()
    options = ["--no-browser", "--allow-root", f"--ip={live.HOST}", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    command = [envs.interpreter("notebook"), "-m", "jupyter_server", *options, f"--ServerApp.root_dir={folder}"]
    with (folder / "log").open("wb") as log, tiled_zarr.serve({"image": IMAGE}, proxy="/proxy/{port}/") as ours:
        process = subprocess.Popen(
            command,
            env=live.environment({"HOME": str(folder)}),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait(process, port, folder / "log")
            yield Notebook(port, ours)
        finally:
            live.stop(process)


def test_the_page_comes_with_all_that_it_needs(notebook: Notebook) -> None:
    view = notebook.ours.view("image")
    assert view == f"{notebook.prefix}/view/image"
    status, headers, body = notebook.ask(view)
    assert status == 200
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "x-frame-options" not in headers
    links = re.findall(r'(?:src|href)="([^"]+)"', body.decode())
    assert any("viewer.js" in link for link in links)
    for link in links:
        if not link.startswith("data:"):
            assert link.startswith("../"), "a link that leaves the proxy"
            assert notebook.ask(f"{notebook.prefix}/{link.removeprefix('../')}")[0] == 200


def test_chunks_are_those_of_the_server(notebook: Notebook) -> None:
    with urllib.request.urlopen(f"{notebook.ours.url}/{CHUNK}", timeout=60) as answer:
        body = answer.read()
    status, headers, proxied = notebook.ask(f"{notebook.prefix}/{CHUNK}")
    assert (status, proxied) == (200, body)
    assert notebook.ask(f"{notebook.prefix}/{CHUNK}", **{"If-None-Match": headers["etag"]})[0] == 304
    assert notebook.ask(f"{notebook.prefix}/{CHUNK}", Range="bytes=4-9")[::2] == (206, body[4:10])
    assert notebook.ask(f"{notebook.prefix}/zarr/v3/image/c/9/9")[0] == 404


def test_the_notebooks_own_login_stays_in_front(notebook: Notebook) -> None:
    status, headers, _ = notebook.raw(f"{notebook.prefix}/{CHUNK}", "GET", {})
    assert status == 302
    assert "/login" in headers["location"]


def test_a_websocket_ends_without_harm(notebook: Notebook) -> None:
    """We have none: the proxy asks for its subprotocol, is refused, and everything else goes on."""
    key = b64encode(bytes(16)).decode()
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
    status, answered, _ = notebook.ask(notebook.ours.view("image"), **headers, **{"Sec-WebSocket-Protocol": "v1.kernel"})
    assert (status, answered["sec-websocket-protocol"]) == (101, "v1.kernel")
    assert notebook.ask(notebook.ours.view("image"))[0] == 200


@pytest.mark.skipif(not CHROMIUM, reason="no page was looked at through jupyter-server-proxy: Chromium is missing")
def test_a_browser_shows_the_image(notebook: Notebook, tmp_path: Path) -> None:
    shown = show(f"http://{live.HOST}:{notebook.port}{notebook.ours.view('image')}?token={TOKEN}", tmp_path / "page.png")
    assert [request for load in shown.loads for request in load if not request.is_answered] == []
    assert shown.console == []
    paths = {request.url.partition("?")[0] for load in shown.loads for request in load}
    assert any("/ome-zarr/" in path and path.rpartition("/")[2].isdigit() for path in paths), "no chunk was asked for"
