"""Documents that are sent compressed are the same in every client."""

from __future__ import annotations

import hashlib
import json
import subprocess
from urllib.request import urlopen

import httpx
import pytest

from clients import running
from live import Live


@pytest.mark.parametrize("path", ["zarr/v2/.zmetadata", "zarr/v3/zarr.json"])
def test_documents_are_the_same_in_every_client(servers: dict[str, Live], path: str) -> None:
    url = f"{servers['demo'].url}/{path}"
    with urlopen(url) as answer:
        assert answer.headers["content-encoding"] is None
        expected = hashlib.sha256(answer.read()).hexdigest()
    report = json.loads(running.in_environment("zarr3", running.HERE / "read_compressed.py", url))
    assert {name: digest for name, (_, digest) in report.items()} == dict.fromkeys(report, expected)
    assert report["aiohttp"][0] in {"gzip", "zstd"}


@pytest.mark.parametrize("path", ["", "zarr/v3/zarr.json"])
def test_httpx(servers: dict[str, Live], path: str) -> None:
    url = f"{servers['demo'].url}/{path}"
    plain, packed = httpx.get(url, headers={"accept-encoding": "identity"}), httpx.get(url)
    assert packed.headers["content-encoding"] in {"gzip", "zstd"}
    assert packed.content == plain.content


@pytest.mark.parametrize("path", ["", "zarr/v3/zarr.json"])
def test_curl(servers: dict[str, Live], path: str) -> None:
    url = f"{servers['demo'].url}/{path}"
    with urlopen(url) as answer:
        plain = answer.read()
    command = ["curl", "--silent", "--fail", "--compressed", "--write-out", "%{stderr}%{size_download}", url]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout == plain
    assert int(done.stderr) < len(plain) / 5
