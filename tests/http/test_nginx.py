"""nginx, as docs/deploy.md configures it, never mixes two revisions while files are rewritten."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import h5py
import httpx
import numcodecs
import numpy as np
import pytest

from live import Live, live
from nginx import Proxy, nginx

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

EDGE = 512
KEYS = ["0.0", "0.1", "1.0", "1.1"]
GENERATIONS = 12
CODECS = {"another codec": ("gzip", "lzf"), "the same codec": ("gzip", "gzip")}
"""The filters of a file, by turns: we send chunks with gzip as stored, and re-encode lzf."""
SENT = {"gzip": "zlib", "lzf": "blosc"}


def write(folder: Path, generation: int, compression: str) -> None:
    """Replace the file in one step, as careful writers do; a generation's values are its number."""
    with h5py.File(folder / "new.part", "w") as file:
        data = np.full((EDGE, EDGE), generation, "<u2")
        file.create_dataset("x", data=data, chunks=(EDGE // 2, EDGE // 2), compression=compression)
    (folder / "new.part").replace(folder / "a.h5")


class Read(NamedTuple):
    """What was read of an array: the generations in it, or None if its revision has gone."""

    generations: set[int] | None
    caches: list[str]


class Reader:
    """A client of zarr/v2/a/x that decodes with the codec of the document that it has."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def plain(self) -> Read:
        """Read the document, then all chunks."""
        document = self.client.get("/zarr/v2/a/x/.zarray")
        return self.chunks(json.loads(document.content), "/zarr/v2/a/x/.zarray")

    def frozen(self) -> Read:
        """Read the document, then itself and all chunks where it says that they never change."""
        document = self.client.get("/zarr/v2/a/x/.zarray")
        location = urljoin("/zarr/v2/a/x/.zarray", document.headers["content-location"])
        again = self.client.get(location)
        if again.status_code == 410:
            return Read(None, [])
        assert (again.status_code, again.content) == (200, document.content)
        return self.chunks(json.loads(again.content), location)

    def chunks(self, document: dict[str, Any], location: str) -> Read:
        answers = [self.client.get(urljoin(location, key)) for key in KEYS]
        if any(answer.status_code == 410 for answer in answers):
            return Read(None, [])
        assert [answer.status_code for answer in answers] == [200] * len(KEYS)
        codec = numcodecs.get_codec(document["compressor"])
        values = [np.frombuffer(codec.decode(answer.content), document["dtype"]) for answer in answers]
        return Read(set(np.unique(np.concatenate(values)).tolist()), [answer.headers["x-cache"] for answer in answers])


@contextmanager
def reading(proxy: Proxy) -> Iterator[Reader]:
    with httpx.Client(base_url=proxy.url, timeout=60) as client:
        yield Reader(client)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Live]:
    write(folder, 0, "gzip")
    with live("directory", folder, "--public") as server:
        yield server


@pytest.fixture(scope="module")
def proxy(server: Live) -> Iterator[Proxy]:
    with nginx(server) as running:
        yield running


@pytest.fixture(scope="module")
def several(folder: Path, server: Live) -> Iterator[Proxy]:
    """nginx before two servers with the same files, each of which gets half of the paths."""
    with live("directory", folder, "--public") as other, nginx(server, other) as running:
        yield running


class Answered:
    """Counts the GETs that the server behind nginx has answered, by status, without its own."""

    def __init__(self, server: Live) -> None:
        self.url = f"{server.url}/metrics"
        self.looks = 0

    def now(self) -> Counter[str]:
        """The counts once they stay the same: a request counts a moment after its answer."""
        found = self.look()
        while (again := self.look()) != found:
            found = again
        return found

    def look(self) -> Counter[str]:
        lines = re.findall(r'tiled_zarr_requests_total\{method="GET",status="(\d+)"\} (\d+)', httpx.get(self.url).text)
        found = Counter({status: int(number) for status, number in lines})
        found["200"] -= self.looks
        self.looks += 1
        return found


@pytest.fixture(scope="module")
def answered(server: Live) -> Answered:
    return Answered(server)


def test_what_has_a_token_is_fetched_once(folder: Path, answered: Answered, proxy: Proxy) -> None:
    write(folder, 1, "gzip")
    with reading(proxy) as reader:
        first = reader.frozen()
        before = answered.now()
        second = reader.frozen()
        after = answered.now()
    assert first == Read({1}, ["MISS"] * len(KEYS))
    assert second == Read({1}, ["HIT"] * len(KEYS))
    assert after - before == {"304": 1}, "the question for the document of the plain path"


def test_the_plain_path_is_asked_for_each_time_and_sent_once(folder: Path, answered: Answered, proxy: Proxy) -> None:
    write(folder, 2, "gzip")
    with reading(proxy) as reader:
        first = reader.plain()
        before = answered.now()
        second = reader.plain()
        after = answered.now()
    assert first.generations == second.generations == {2}
    assert second.caches == ["REVALIDATED"] * len(KEYS)
    assert after - before == {"304": len(KEYS) + 1}


def test_one_request_is_made_for_all_who_ask_at_once(folder: Path, answered: Answered, proxy: Proxy) -> None:
    write(folder, 3, "gzip")
    document = httpx.get(f"{proxy.url}/zarr/v2/a/x/.zarray")
    location = urljoin(str(document.url), f"{document.headers['content-location']}/../0.0")
    before = answered.now()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(httpx.get, [location] * 16))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert answered.now() - before == {"200": 1}


@pytest.mark.parametrize("servers", ["proxy", "several"])
@pytest.mark.parametrize("kind", CODECS)
def test_readers_never_see_a_mix(folder: Path, request: pytest.FixtureRequest, kind: str, servers: str) -> None:
    """Eight clients read under tokens and plain paths while the file is replaced.

    Under a token each gets one generation or 410. Of the plain path, what is asked for after a
    document is never older than that document, and what is read while nothing is written is new.
    """
    proxy: Proxy = request.getfixturevalue(servers)
    done, seen, gone = threading.Event(), set[int](), threading.Event()

    def read_under_tokens() -> None:
        with reading(proxy) as reader:
            while not done.is_set():
                generations = reader.frozen().generations
                if generations is None:
                    gone.set()
                    continue
                assert len(generations) == 1
                seen.update(generations)

    def fill_the_cache() -> None:
        with reading(proxy) as reader:
            while not done.is_set():
                for key in (".zarray", *KEYS):
                    assert reader.client.get(f"/zarr/v2/a/x/{key}").status_code == 200

    with ThreadPoolExecutor(8) as pool, reading(proxy) as reader:
        running = [pool.submit(work) for work in [read_under_tokens] * 4 + [fill_the_cache] * 4]
        try:
            for number in range(GENERATIONS):
                generation = 1000 + number
                write(folder, generation, CODECS[kind][number % 2])
                document = json.loads(reader.client.get("/zarr/v2/a/x/.zarray").content)
                assert document["compressor"]["id"] == SENT[CODECS[kind][number % 2]]
                assert reader.plain().generations == {generation}
                assert reader.frozen().generations == {generation}
        finally:
            done.set()
        for work in running:
            work.result()
    assert len(seen) > 1
    assert gone.is_set() or len(seen) > 2


def test_over_tls_and_http2(tmp_path: Path) -> None:
    """All tiles of an image over one connection; a second time they come from nginx."""
    write(tmp_path, 1, "gzip")
    with live("directory", tmp_path, "--public", "--allowed-hosts", "*") as server, nginx(server, is_encrypted=True) as proxy:
        for cache in ("MISS", "REVALIDATED"):
            addresses = [f"{proxy.url}/zarr/v2/a/x/{key}" for key in KEYS]
            shown = "%{http_version} %{http_code} %{num_connects} %header{x-cache}\n"
            command = [
                "curl",
                "--silent",
                "--insecure",
                "--http2",
                "--write-out",
                shown,
                *(word for _ in KEYS for word in ("--output", "/dev/null")),
            ]
            said = subprocess.run([*command, *addresses], capture_output=True, text=True, timeout=60, check=True).stdout.split("\n")
            assert [line.split() for line in said if line] == [["2", "200", str(int(place == 0)), cache] for place in range(len(KEYS))]
