"""`/events/<node>` over the wire: three servers, nginx, keys; files that grow; servers that end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest
import tifffile

from live import Live, live
from nginx import nginx
from streaming import PATIENCE, Event, events, until
from tiled_zarr import serve

pytestmark = pytest.mark.slow

SERVERS = ("hypercorn", "uvicorn", "granian")


@contextmanager
def followed(url: str, path: str, **kwargs: Any) -> Iterator[Iterator[Event]]:
    """The events of a node; raises if the status is not 200."""
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client, client.stream("GET", f"{url}{path}", **kwargs) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert "content-encoding" not in answer.headers
        yield events(answer.iter_lines())


def plane(number: int) -> np.ndarray[Any, Any]:
    return np.full((4, 5), number, "<u2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("growing")
    (folder / "frames").mkdir()
    tifffile.imwrite(folder / "frames" / "scan_000.tif", plane(0))
    tifffile.imwrite(folder / "frames" / "scan_001.tif", plane(1))
    return folder


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Live]:
    with live("directory", folder, server=request.param, env={"TILED_ZARR_API_KEY": "secret"}) as running:
        yield running
        assert "Traceback" not in running.printed()


def open_streams(url: str) -> int:
    text = httpx.get(f"{url}/metrics", headers={"authorization": "Apikey secret"}, trust_env=False).text
    return int(next(line for line in text.splitlines() if line.startswith("tiled_zarr_event_streams ")).split()[1])


def test_a_folder_of_frames_grows(server: Live, folder: Path) -> None:
    with followed(server.url, "/k/secret/events/frames/scan_") as seen:
        before = next(seen).data["shape"]
        frames = [*(folder / "frames").iterdir()]
        assert before == [len(frames), 4, 5]
        tifffile.imwrite(folder / "frames" / f"scan_{len(frames):03}.tif", plane(len(frames)))
        event = next(seen)
        while event.data["shape"] == before:
            event = next(seen)
        assert event.data["shape"] == [len(frames) + 1, 4, 5]
    until(lambda: open_streams(server.url) == 0)


def test_an_hdf5_file_grows_under_its_writer(server: Live, folder: Path) -> None:
    with h5py.File(folder / f"{server.pid}.h5", "w", libver="latest") as file:
        data = file.create_dataset("data", (1, 4, 5), "<u2", maxshape=(None, 4, 5), chunks=(1, 4, 5))
        file.swmr_mode = True
        data.flush()
        with followed(server.url, f"/events/{server.pid}/data?api_key=secret") as seen:
            assert next(seen).data["shape"] == [1, 4, 5]
            for planes in (2, 3):
                data.resize(planes, axis=0)
                data[-1] = planes
                data.flush()
                while (event := next(seen)).data["shape"] != [planes, 4, 5]:
                    assert event.name == "node"


@pytest.mark.parametrize("path", ["/events/frames", "/k/wrong/events/frames", "/events/frames?api_key=wrong", "/k/secret/events/nothing"])
def test_who_may_not_read_may_not_follow(server: Live, path: str) -> None:
    assert httpx.get(f"{server.url}{path}", trust_env=False).status_code == (404 if "nothing" in path else 401)


def ends(running: Live, path: str = "/events/") -> int:
    """The exit code of a server that ends while somebody follows a node."""
    with followed(running.url, path) as seen:
        next(seen)
        running.process.send_signal(signal.SIGTERM)
        assert list(seen) == [], "the stream ends as it should, not with its connection"
    return running.exit_code(PATIENCE)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_ends_while_it_is_followed(name: str, folder: Path) -> None:
    with live("directory", folder, "--public", server=name, env={"TILED_ZARR_SHUTDOWN_TIMEOUT": "1000"}) as running:
        assert ends(running) == 0


@pytest.mark.parametrize("name", ["hypercorn", "uvicorn"])
def test_a_server_that_runs_the_application_by_itself_ends(name: str, folder: Path) -> None:
    env = {"TILED_ZARR_DIRECTORY": folder, "TILED_ZARR_PUBLIC": "true"}
    with live(server=name, env=env) as running, followed(running.url, "/events/") as seen:
        next(seen)
        running.process.send_signal(signal.SIGTERM)
        assert running.exit_code(PATIENCE) in {0, -signal.SIGTERM}


def test_an_object_in_a_notebook_is_replaced() -> None:
    with serve(public=True, port=0) as handle:
        handle["x"] = np.zeros((2, 3))
        with followed(handle.url, "/events/x") as seen:
            first = next(seen)
            assert first.data["shape"] == [2, 3]
            handle["x"] = np.ones((2, 3))
            second = next(seen)
            assert second.data["shape"] == [2, 3]
            assert first.data["revision"] != second.data["revision"]
            handle["x"] = np.zeros((9, 3))
            assert next(seen).data["shape"] == [9, 3]
            del handle["x"]
            assert next(seen).name == "gone"
            assert list(seen) == []


@pytest.mark.parametrize("path", ["/k/secret/events/frames/scan_", "/events/frames/scan_?api_key=secret"])
def test_nginx_passes_each_event_on(folder: Path, behind: Callable[[], str], path: str) -> None:
    url = behind()
    with followed(url, path) as seen:
        before = next(seen).data["shape"][0]
        tifffile.imwrite(folder / "frames" / f"scan_{before:03}.tif", plane(before))
        while next(seen).data["shape"][0] == before:
            pass
    until(lambda: open_streams(url) == 0)


@pytest.fixture(scope="module")
def behind(folder: Path) -> Iterator[Callable[[], str]]:
    with live("directory", folder, env={"TILED_ZARR_API_KEY": "secret"}) as running, nginx(running) as proxy:
        yield lambda: proxy.url
