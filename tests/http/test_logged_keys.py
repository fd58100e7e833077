"""What servers print while they log each request: never a key, wherever the client has put it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import httpx
import pytest

from live import Live, live

pytestmark = pytest.mark.slow

KEY = "s3cret-Key"
TREE = """
import numpy as np
from tiled_zarr import Array, Group

def broken(region):
    raise RuntimeError("the disk has a scratch")

tree = Group(children={"broken": Array(shape=(5,), dtype=np.dtype("f8"), read=broken)})
"""
REQUESTS: dict[str, tuple[str, dict[str, str], int]] = {
    "path": (f"/k/{KEY}/zarr/v3/zarr.json", {}, 200),
    "encoded": ("/k/s3cret%2DKey/zarr/v3/zarr.json", {}, 200),
    "path alone": (f"/k/{KEY}", {}, 307),
    "failure": (f"/k/{KEY}/zarr/v3/broken/c/0", {}, 500),
    "longer": (f"/k/{KEY}1/zarr/v3/zarr.json", {}, 401),
    "within a wrong one": (f"/k/old/{KEY}/zarr", {}, 401),
    "query": (f"/zarr/v3/zarr.json?api_key={KEY}&version=1", {}, 200),
    "encoded name": (f"/zarr/v3/zarr.json?api%5Fkey={KEY}", {}, 200),
    "failure of a query": (f"/zarr/v3/broken/c/0?api_key={KEY}", {}, 500),
    "no such page": (f"/nothing?api_key={KEY}", {}, 404),
    "wrong query": (f"/nothing?api_key={KEY}1", {}, 401),
    "Referer": ("/favicon.ico", {"referer": f"http://host/k/{KEY}/zarr/v3/zarr.json"}, 401),
    "Referer of a viewer": ("/favicon.ico", {"referer": f"http://host/?source=http%3A%2F%2Fhost%2Fk%2F{KEY}"}, 401),
    "Referer with a query": ("/favicon.ico", {"referer": f"http://host/?api_key={KEY}"}, 401),
    "header": ("/zarr/v3/zarr.json", {"authorization": f"Apikey {KEY}"}, 200),
    "cookie": ("/zarr/v3/zarr.json", {"cookie": f"tiled_api_key={KEY}"}, 200),
}


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
def test_no_server_prints_a_key(server: str, tmp_path: Path) -> None:
    (tmp_path / "scratched.py").write_text(TREE)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    env = {"TILED_ZARR_TREE": "scratched:tree", "TILED_ZARR_API_KEY": KEY, "PYTHONPATH": path}
    with live(env=env, server=server, access_log=True) as running, httpx.Client(base_url=running.url) as client:
        found = {name: client.get(target, headers=headers).status_code for name, (target, headers, _) in REQUESTS.items()}
        assert found == {name: status for name, (_, _, status) in REQUESTS.items()}
        for headers in ({"host": "evil.example"}, {"host": "evil.example", "authorization": f"Basic {KEY}"}):
            assert client.get(f"/k/{KEY}/zarr/v3?api_key={KEY}", headers=headers).status_code == 421
        assert client.options(f"/k/{KEY}/zarr/v3/zarr.json?api_key={KEY}").status_code == 204
        assert client.post(f"/k/{KEY}/zarr/v3/zarr.json").status_code == 405
        client.get("/last?version=2")
        printed = printed_until(running, "/last?version=2")
    assert KEY not in printed
    assert "/k/hidden/zarr/v3/broken/c/0" in printed
    assert "/zarr/v3/zarr.json?api_key=hidden&version=1" in printed
    assert "the disk has a scratch" in printed
    assert "Traceback" in printed


def printed_until(running: Live, text: str) -> str:
    """What a server has printed, once a text is in it."""
    end = time.monotonic() + 30
    while text not in running.printed():
        assert time.monotonic() < end, running.printed()
        time.sleep(0.05)
    return running.printed()
