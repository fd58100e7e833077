"""A server of objects whose requests can be counted, and a local S3 of moto's in its own process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from objectserver import ObjectServer
from tiled_zarr.adapters.common.single import Single
from tiled_zarr.adapters.remote import clients, looks, objects, prefixes
from tiled_zarr.adapters.remote.open import Choice, found_at
from tiled_zarr.nodes import Node
from tiled_zarr.resources import Fetching, Resources

SECRET = "secret-of-the-tests"
PAGE = 5
"""Keys of one page of moto's listings."""


@pytest.fixture
def server() -> Iterator[ObjectServer]:
    """A server of the bucket `lab`, which is empty."""
    with ObjectServer() as made:
        yield made


class Opener:
    """Opens addresses in the bucket of a server, or over HTTP, with resources of its own."""

    def __init__(self, server: ObjectServer, **fetching: Any) -> None:
        self.server = server
        self.resources = Resources.of(fetching=Fetching(**fetching))

    @property
    def store(self) -> dict[str, Any]:
        """The options of the server's store."""
        return {"endpoint": self.server.url, "region": "us-east-1", "anonymous": True}

    def found(self, url: str, *, frozen: bool = False, choice: Choice | None = None) -> Any:
        """What lies at a URL: a Single or a Group."""
        return found_at(url, self.resources, choice or Choice(), {} if url.startswith("http") else self.store, frozen=frozen)

    def __call__(self, url: str, **options: Any) -> Node:
        """The node at a URL."""
        found = self.found(url, **options)
        return found.node() if isinstance(found, Single) else found


@pytest.fixture
def opener(server: ObjectServer) -> Iterator[Callable[..., Opener]]:
    """A function that makes an Opener, with values of Fetching."""
    made: list[Opener] = []

    def make(**fetching: Any) -> Opener:
        made.append(Opener(server, **fetching))
        return made[-1]

    yield make
    for one in made:
        one.resources.close()


class S3(NamedTuple):
    """A local S3: its URL, and a client of boto3's."""

    url: str
    client: Any


@pytest.fixture(scope="session")
def moto() -> Iterator[S3]:
    """A local S3 that checks no signatures, with the bucket `lab`."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}, **quiet) as process:
        try:
            wait_for(port)
            url = f"http://127.0.0.1:{port}"
            client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key=SECRET)
            client.create_bucket(Bucket="lab")
            yield S3(url, client)
            client.close()
        finally:
            process.kill()


def wait_for(port: int) -> None:
    """Wait until a port is listened on, at most a minute."""
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def s3(moto: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The local S3, as environment variables say it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return moto


class Clock:
    """What `monotonic` says in the modules that trust looks."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (looks, objects, clients, prefixes):
        monkeypatch.setattr(module, "monotonic", made)
    return made
