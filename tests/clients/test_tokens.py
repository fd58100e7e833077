"""Clients read under a token, and raise once its revision has gone.

Nothing reads as zeros, and nothing is a mix of two revisions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest

from clients import envs, running
from live import Live, live

EDGE = 512
SECONDS = 60
HOLDING = """
import json, sys, numpy
{opening}
print("opened", flush=True)
for _ in sys.stdin:
    try:
        print(json.dumps({{"values": numpy.unique({reading}).tolist()}}), flush=True)
    except Exception as error:
        print(json.dumps({{"error": repr(error)}}), flush=True)
"""
ZARR = HOLDING.format(opening='import zarr; array = zarr.open_array(sys.argv[1], mode="r")', reading="array[:]")
OBSTORE = HOLDING.format(
    opening="""
import zarr
from obstore.store import HTTPStore
store = zarr.storage.ObjectStore(HTTPStore.from_url(sys.argv[1], client_options={"allow_http": True}), read_only=True)
array = zarr.open_array(store, mode="r")
""",
    reading="array[:]",
)
TENSORSTORE = HOLDING.format(
    opening="""
import tensorstore
driver = "zarr" if "/v2/" in sys.argv[1] else "zarr3"
array = tensorstore.open({"driver": driver, "kvstore": {"driver": "http", "base_url": sys.argv[1] + "/"}}).result()
""",
    reading="array.read().result()",
)
READERS: dict[str, Callable[[], list[str]]] = {
    "zarr-python": lambda: [sys.executable, "-c", ZARR],
    "obstore": lambda: [str(envs.interpreter("zarr3")), "-c", OBSTORE],
    "tensorstore": lambda: [str(envs.interpreter("zarr3")), "-c", TENSORSTORE],
    "zarrita": lambda: [str(running.node()), str(running.HERE / "hold_zarrita.mjs")],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, 7)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Live]:
    with live("directory", folder, "--public") as server:
        yield server


def write(folder: Path, value: int) -> None:
    np.save(folder.parent / "new.npy", np.full((EDGE, EDGE), value, "<u2"))
    (folder.parent / "new.npy").replace(folder / "a.npy")


@contextmanager
def held(reader: str, url: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """A client that has opened an array, as a function that makes it read all of it."""
    command = [*READERS[reader](), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=running.HERE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "opened\n"
        given, answers = process.stdin, process.stdout

        def read() -> dict[str, Any]:
            print(file=given, flush=True)
            answer: dict[str, Any] = json.loads(answers.readline())
            return answer

        yield read
        process.stdin.close()
        process.wait(SECONDS)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("document", ["zarr/v2/a/.zarray", "zarr/v3/a/zarr.json"])
def test_a_client_raises_when_the_revision_has_gone(server: Live, folder: Path, reader: str, document: str) -> None:
    plain = f"{server.url}/{document}"
    array = urljoin(plain, httpx.get(plain).headers["content-location"]).rpartition("/")[0]
    with held(reader, array) as read:
        assert read() == {"values": [7]}
        write(folder, 8)
        answer = read()
    assert "values" not in answer
    assert "410" in answer["error"]
    with held(reader, plain.rpartition("/")[0]) as read:
        assert read() == {"values": [8]}
