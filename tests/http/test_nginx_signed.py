"""Requests that S3 clients sign, through nginx as docs/deploy.md configures it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import numpy as np
import pytest
from botocore.config import Config

from live import live
from nginx import Proxy, nginx

pytestmark = pytest.mark.slow

KEY = "a/secret+key="
NAME = "a b+c"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / f"{NAME}.npy", np.arange(100))
    with live("directory", folder, "--api-key", KEY) as server, nginx(server) as running:
        yield running


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Any:
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    return boto3.client(
        "s3", endpoint_url=proxy.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key=KEY, config=config
    )


@pytest.fixture(scope="module")
def bodies(proxy: Proxy) -> dict[str, bytes]:
    """What the server itself answers, by key."""
    headers = {"Authorization": f"Apikey {KEY}"}
    keys = [f"v3/{NAME}/zarr.json", f"v3/{NAME}/c/0", f"v2/{NAME}/0"]
    return {key: httpx.get(f"{proxy.behind}/zarr/{key}", headers=headers).raise_for_status().content for key in keys}


@pytest.mark.parametrize("time", ["first", "second"])
def test_signatures_pass(client: Any, bodies: dict[str, bytes], time: str) -> None:
    """nginx sends HEAD on as GET, and drops Range, where it caches."""
    listed = {key["Key"]: key["Size"] for key in client.list_objects_v2(Bucket="zarr", Prefix="v3/")["Contents"]}
    assert listed == {key: listed[key] for key in ("v3/zarr.json", *bodies) if key.startswith("v3/")}
    for key, body in bodies.items():
        assert client.head_object(Bucket="zarr", Key=key)["ContentLength"] == len(body)
        assert client.get_object(Bucket="zarr", Key=key)["Body"].read() == body
        assert client.get_object(Bucket="zarr", Key=key, Range="bytes=3-9")["Body"].read() == body[3:10]


def test_presigned_addresses_pass(client: Any, bodies: dict[str, bytes], proxy: Proxy) -> None:
    for key, body in bodies.items():
        for what, method in (("get_object", "GET"), ("head_object", "HEAD")):
            address = client.generate_presigned_url(what, Params={"Bucket": "zarr", "Key": key}, ExpiresIn=60)
            assert httpx.request(method, address).raise_for_status().content == (body if method == "GET" else b"")
            assert httpx.request("GET" if method == "HEAD" else "HEAD", address).status_code == 401
    assert httpx.get(f"{proxy.url}/zarr/{next(iter(bodies))}").status_code == 401
