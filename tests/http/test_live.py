"""Real servers in their own processes: what depends on the server, and keys nobody thought of."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import httpx
import numcodecs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import Live, live

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

SERVERS = ("hypercorn", "uvicorn")
ALLOWED = {"GET": {200, 304, 400, 401, 404}, "HEAD": {200, 304, 400, 401, 404}, "OPTIONS": {204, 400}}
RANGED = {200, 206, 304, 400, 401, 404, 416}
TREE = """
import os, threading, time
import numpy as np
from tiled_zarr import Array, Group
from tiled_zarr.nodes import Options

def slow(region):
    with open(os.environ["READS"], "a") as log:
        log.write(f"{region[0].start}\\n")
    time.sleep(1)
    return np.zeros(tuple(part.stop - part.start for part in region))

tree = Group(children={
    "pid": Array(shape=(), dtype=np.dtype("i8"), read=lambda region: np.array(os.getpid()), revision=lambda: "r", blocking=False),
    "data": Array(shape=(600, 600), dtype=np.dtype("f8"), read=lambda region: np.ones((600, 600))[region], revision=lambda: "r"),
    "slow": Array(shape=(1000,), dtype=np.dtype("f8"), read=slow, options=Options(chunk_shape=(1,))),
})
"""


@pytest.fixture(scope="module", params=SERVERS)
def demo(request: pytest.FixtureRequest) -> Iterator[Live]:
    with live(server=request.param, env={"TILED_ZARR_ALLOW_ORIGINS": "*"}) as server:
        yield server
        assert "Traceback" not in server.printed()


@pytest.fixture(scope="module")
def client(demo: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.url) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served_live.py").write_text(TREE)
    return tmp_path


@contextmanager
def serving(folder: Path, **options: object) -> Iterator[Live]:
    """The tree above, served to everyone."""
    env = {"TILED_ZARR_TREE": "served_live:tree", "TILED_ZARR_PUBLIC": "1", "READS": str(folder / "reads"), "PYTHONPATH": str(folder)}
    env |= options.pop("env", {})  # type: ignore[arg-type] # a mapping
    with live(env=env, **options) as server:  # type: ignore[arg-type] # what `live` takes
        yield server


PATHS = [
    "/",
    "/healthz",
    "/zarr/v2/",
    "/zarr/v3/nested",
    "/zarr/v2/.zmetadata",
    "/zarr/v3/zarr.json",
    "/zarr/v2/nested/images/medium_image/.zarray",
    "/zarr/v2/nested/images/medium_image/1.1",
    "/zarr/v3/nested/images/medium_image/c/1/1",
    "/zarr/v3/scalars/pi/c",
    "/zarr/v3/nested/images/medium_image/c/4/10",
    "/nothing",
]


@pytest.mark.parametrize("path", PATHS)
def test_head_has_the_length_of_get(client: httpx.Client, path: str) -> None:
    got, head = client.get(path, headers={"accept-encoding": "identity"}), client.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (got.status_code, str(len(got.content)), b"")
    assert head.headers.get("etag") == got.headers.get("etag")
    assert got.headers["access-control-allow-origin"] == head.headers["access-control-allow-origin"] == "*"
    assert "transfer-encoding" not in got.headers
    assert "content-encoding" not in got.headers
    assert "set-cookie" not in got.headers


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("path", ["/", "/view/nested", "/zarr/v2/.zmetadata", "/zarr/v3/zarr.json"])
def test_documents_and_pages_are_compressed_on_request(client: httpx.Client, path: str, coding: str) -> None:
    """HEAD and ranges are of the plain body, and each coding has its own tag.

    curl and browsers get the same.
    """
    with client.stream("GET", path, headers={"accept-encoding": coding}) as answer:
        packed = b"".join(answer.iter_raw())
    plain, head = client.get(path, headers={"accept-encoding": "identity"}), client.head(path, headers={"accept-encoding": coding})
    assert (answer.headers["content-encoding"], answer.headers["content-length"]) == (coding, str(len(packed)))
    assert len(packed) < len(plain.content)
    assert (gzip.decompress(packed) if coding == "gzip" else bytes(numcodecs.Zstd().decode(packed))) == plain.content
    assert (head.headers["content-length"], head.headers["etag"]) == (str(len(plain.content)), plain.headers["etag"])
    assert answer.headers["etag"] != plain.headers["etag"]
    again = {"accept-encoding": coding, "if-none-match": answer.headers["etag"]}
    assert client.get(path, headers=again).status_code == 304
    assert {"accept-encoding"} <= {name.strip() for name in answer.headers["vary"].lower().split(",")}


def test_conditions_and_ranges(client: httpx.Client) -> None:
    path = "/zarr/v3/nested/images/medium_image/c/1/1"
    got = client.get(path)
    same = client.get(path, headers={"if-none-match": got.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    for header, part in (("bytes=0-9", got.content[:10]), ("bytes=-7", got.content[-7:]), ("bytes=5-", got.content[5:])):
        answer = client.get(path, headers={"range": header})
        assert (answer.status_code, answer.content) == (206, part)
    assert client.get(path, headers={"range": f"bytes={len(got.content)}-"}).status_code == 416


def test_options_and_other_methods(client: httpx.Client) -> None:
    answer = client.options("/zarr/v3/nested", headers={"origin": "https://a.example", "access-control-request-method": "GET"})
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("POST", "PUT", "DELETE"):
        refused = client.request(method, "/zarr/v3/zarr.json", content=b"x" * 100)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PROPFIND")
    # hypercorn closes the connection if the reply comes before the body
    for depth in 20 * ("0", "1"):
        found = client.request(
            "PROPFIND", "/zarr/v3/nested", headers={"depth": depth}, content=b"<propfind xmlns='DAV:'><allprop/></propfind>"
        )
        assert (found.status_code, found.headers["dav"], len(found.content)) == (207, "1", int(found.headers["content-length"]))


NAMES = st.sampled_from(
    [
        *("zarr", "v2", "v3", "nested", "images", "medium_image", "tables", "short_table", "A", "scalars", "pi", "c", "0", "1", "0.0"),
        *("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata", "..", ".", "%2e%2e", "", "00", "-1", "+1", "1e3", "9" * 40),
        *("~7e", "~", "~zz", "%00", "%"),
    ]
)
PARTS = st.one_of(NAMES, st.text(max_size=8).map(lambda text: quote(text, safe="")), st.integers().map(str))
PATH = st.one_of(
    st.lists(PARTS, max_size=6).map(lambda parts: "/" + "/".join(parts)),
    st.lists(PARTS, max_size=4).map(lambda parts: "/zarr/v3/" + "/".join(parts)),
    st.lists(PARTS, max_size=4).map(lambda parts: "/zarr/v2/nested/" + "/".join(parts)),
    st.tuples(st.integers(-1, 6), st.integers(-1, 12)).map(lambda index: f"/zarr/v3/nested/images/medium_image/c/{index[0]}/{index[1]}"),
)
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "if-none-match": st.one_of(st.just("*"), VISIBLE),
        "range": st.one_of(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda ends: f"bytes={ends[0]}-{ends[1]}"), VISIBLE),
        "if-range": VISIBLE,
        "accept": VISIBLE,
        "authorization": st.one_of(VISIBLE, VISIBLE.map(lambda text: f"Apikey {text}")),
        "origin": VISIBLE,
    },
)
QUERY = st.one_of(st.just(""), VISIBLE.map(lambda text: f"?{quote(text, safe='=&%+')}"), st.just("?api_key=x"))


@given(path=PATH, query=QUERY, headers=HEADERS, method=st.sampled_from(["GET", "HEAD", "OPTIONS"]))
def test_keys_that_nobody_thought_of(demo: Live, path: str, query: str, headers: dict[str, str], method: str) -> None:
    status, body = raw(demo, method, path + query, headers)
    assert status in (ALLOWED[method] | RANGED if method == "GET" else ALLOWED[method])
    assert b"Traceback" not in body
    if method == "OPTIONS":
        assert status in {204, 400}


def raw(server: Live, method: str, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body of a request that is sent as it is written, which clients do not do."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", "connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@given(st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_request(demo: Live, garbage: bytes) -> None:
    """The server says 400 or nothing, and goes on."""
    host, _, port = demo.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            answer = b""
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert httpx.get(f"{demo.url}/healthz").status_code == 200


@pytest.mark.parametrize("server", SERVERS)
def test_workers_agree_on_key_and_tags(folder: Path, server: str) -> None:
    tags: dict[int, str] = {}
    env = {"TILED_ZARR_PUBLIC": "0", "TILED_ZARR_API_KEY": "k", "TILED_ZARR_CODEC": "none"}
    with serving(folder, env=env, server=server, workers=2) as running:
        for _ in range(500):
            with httpx.Client(base_url=running.url, headers={"authorization": "Apikey k"}) as client:
                worker = int.from_bytes(client.get("/zarr/v2/pid/0").content, "little")
                assert client.get("/zarr/v3/data/c/0/0?api_key=wrong").status_code == 401
                tags[worker] = client.get("/zarr/v3/data/c/0/0").headers["etag"]
            if len(tags) == 2:
                break
    assert len(tags) == 2, "both workers were asked"
    assert len(set(tags.values())) == 1


@pytest.mark.parametrize("server", SERVERS)
def test_workers_of_one_launch_share_the_tags_of_data_in_memory(server: str) -> None:
    """`serve` hands its workers one key and one launch."""
    with live("demo", server=server, workers=2) as running:
        path = f"{running.url}/zarr/v3/flat_array/c/0"
        assert len({httpx.get(path).headers["etag"] for _ in range(40)}) == 1


@pytest.mark.parametrize("server", SERVERS)
def test_work_of_clients_that_have_gone_is_not_begun(folder: Path, server: str) -> None:
    with serving(folder, env={"TILED_ZARR_THREADS": "1"}, server=server) as running:
        host, _, port = running.url.removeprefix("http://").partition(":")
        gone = []
        for i in range(10):
            connection = socket.create_connection((host, int(port)))
            connection.sendall(f"GET /zarr/v3/slow/c/{i} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            gone.append(connection)
        wait_for_work(running, len(gone))
        for connection in gone:
            connection.close()
        assert httpx.get(f"{running.url}/zarr/v3/slow/c/20", timeout=60).status_code == 200
        assert "Traceback" not in running.printed()
    reads = (folder / "reads").read_text().split()
    assert reads[-1] == "20"
    assert len(reads) <= 4, "those under way when the clients left, and ours"


def wait_for_work(running: Live, count: int) -> None:
    """Return once so many requests wait for a thread or are in one."""
    end = time.monotonic() + 60
    while int(httpx.get(f"{running.url}/metrics").text.partition("\ntiled_zarr_work_pending ")[2].split()[0]) < count:
        assert time.monotonic() < end, "the requests did not arrive"
        time.sleep(0.02)


def test_one_process_stays_small() -> None:
    """Under 150 MB with the demo tree, opened once through both formats."""
    with live() as server:
        for path in ("/zarr/v2/.zmetadata", "/zarr/v3/zarr.json", "/zarr/v3/nested/images/medium_image/c/0/0"):
            assert httpx.get(server.url + path).status_code == 200
        status = Path(f"/proc/{server.pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    assert int(resident[1]) < 150 * 1024


@pytest.mark.parametrize("server", SERVERS)
def test_private_data_without_a_key_are_not_served(folder: Path, server: str) -> None:
    with (
        pytest.raises(RuntimeError, match="these data are private: set TILED_ZARR_API_KEY"),
        serving(folder, env={"TILED_ZARR_PUBLIC": ""}, server=server),
    ):
        raise AssertionError


@pytest.mark.parametrize("server", SERVERS)
def test_serve_prints_an_address_that_works(folder: Path, server: str) -> None:
    with live("pyobject", "served_live:tree", server=server, cwd=folder, env={"READS": str(folder / "reads")}) as running:
        addresses = re.findall(r"http://\S+", running.printed())
        assert len(addresses) == 3
        assert [httpx.get(address).status_code for address in addresses] == [200, 200, 200]
        assert [httpx.get(re.sub("/k/[0-9a-f]{64}/", "/", address)).status_code for address in addresses] == [401, 401, 401]


def test_port_0_is_a_free_one_and_is_printed() -> None:
    command = [sys.executable, "-m", "tiled_zarr", "serve", "demo", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            address = next(match[0] for line in process.stdout if (match := re.search(r"http://\S+:\d+/zarr/v3/", line)))
            assert json.loads(httpx.get(f"{address}zarr.json").content)["node_type"] == "group"
        finally:
            process.terminate()


def test_hypercorn_keeps_connections_open() -> None:
    """Its own default closes them after a thousand requests."""
    with live("demo") as server:
        connection = HTTPConnection(server.url.removeprefix("http://"))
        connection.connect()
        first = connection.sock
        for _ in range(1100):
            connection.request("GET", "/zarr/v3/nothing")
            connection.getresponse().read()
        assert connection.sock is first
        connection.close()


def test_a_server_that_is_asked_to_end_ends() -> None:
    with live() as server:
        os.kill(server.pid, 15)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                httpx.get(f"{server.url}/healthz")
            except httpx.HTTPError:
                return
            time.sleep(0.05)
    raise AssertionError("the server goes on")
