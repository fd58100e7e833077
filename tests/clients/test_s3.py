"""Clients of S3 list and read a server as a bucket, with the API key as their secret."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import numpy as np
import pyarrow.fs
import pytest
import tensorstore
import zarr
from botocore.config import Config
from obstore.store import S3Store
from zarr.storage import ObjectStore

from clients import envs, listed, running
from live import Live, live

KEY = "a/secret+key="
REGION = "us-east-1"


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live(env={"TILED_ZARR_TREE": "clients.listed:tree", "TILED_ZARR_API_KEY": KEY, "PYTHONPATH": running.SOURCES}) as started:
        yield started


@pytest.fixture(scope="module")
def sizes(server: Live) -> dict[str, int]:
    """The keys that boto3 lists, page by page, with their sizes."""
    client = boto3.client("s3", endpoint_url=server.url, region_name=REGION, aws_access_key_id="any", aws_secret_access_key=KEY,
                          config=Config(s3={"addressing_style": "path"}))  # fmt: skip
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="zarr", PaginationConfig={"PageSize": 100})
    found = {entry["Key"]: entry["Size"] for page in pages for entry in page["Contents"]}
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["minmax", "ome-zarr", "zarr"]
    for key, size in found.items():
        assert (
            len(client.get_object(Bucket="zarr", Key=key)["Body"].read())
            == client.head_object(Bucket="zarr", Key=key)["ContentLength"]
            == size
        )
    return found


def test_boto3_lists_every_array(sizes: dict[str, int]) -> None:
    for name in listed.NAMES:
        assert f"v3/names/{name}/x/c/2/2" in sizes
        assert f"v2/names/{name}/x/2.2" in sizes
    assert len(sizes) > 200


def test_obstore(server: Live, sizes: dict[str, int]) -> None:
    store = S3Store(
        "zarr", endpoint=server.url, region=REGION, access_key_id="any", secret_access_key=KEY, client_options={"allow_http": True}
    )
    assert {entry["path"]: entry["size"] for batch in store.list() for entry in batch} == sizes
    assert store.list_with_delimiter("v3/names/plain")["common_prefixes"] == ["v3/names/plain/plain", "v3/names/plain/x"]
    root = zarr.open_group(ObjectStore(store, read_only=True), path="v3", mode="r", use_consolidated=False)
    for name in listed.NAMES:
        np.testing.assert_array_equal(root[f"names/{name}/x"][...], listed.IMAGE)


def test_pyarrow(server: Live, sizes: dict[str, int]) -> None:
    files = pyarrow.fs.S3FileSystem(
        access_key="any", secret_key=KEY, region=REGION, endpoint_override=urlsplit(server.url).netloc, scheme="http"
    )
    found = files.get_file_info(pyarrow.fs.FileSelector("zarr/v3", recursive=True))
    assert {info.path.removeprefix("zarr/"): info.size for info in found if info.is_file} == {
        key: size for key, size in sizes.items() if key.startswith("v3/")
    }


def test_tensorstore(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    kvstore = {"driver": "s3", "bucket": "zarr", "endpoint": server.url, "aws_region": REGION, "aws_credentials": {"type": "environment"}}
    keys = tensorstore.KvStore.open(kvstore).result().list().result()
    assert b"v3/image/c/2/2" in keys
    image = tensorstore.open({"driver": "zarr3", "kvstore": {**kvstore, "path": "v3/image/"}}, open=True).result()
    np.testing.assert_array_equal(image.read().result(), listed.IMAGE)


def test_rclone_copies_a_tree(server: Live, tmp_path: Path) -> None:
    program = shutil.which("rclone")
    if program is None:
        missing: Callable[[str], None] = pytest.fail if os.environ.get("CI") else pytest.skip  # type: ignore[assignment]
        missing("NOT TESTED: rclone is not installed: apt-get install rclone")
    remote = (
        f":s3,provider=Other,endpoint='{server.url}',region={REGION},access_key_id=any,secret_access_key='{KEY}',force_path_style=true:"
    )
    command = [str(program), "--config", "/dev/null", "copy", f"{remote}zarr/v3/names", str(tmp_path)]
    env = {
        name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"
    }  # rclone has a transport of its own, which takes none
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, done.stderr
    copy = zarr.open_group(tmp_path, mode="r", use_consolidated=False)
    for name in listed.NAMES:
        np.testing.assert_array_equal(copy[f"{name}/x"][...], listed.IMAGE)


@pytest.mark.parametrize("client", ["with_s3fs", "with_gdal"])
def test_in_an_environment_of_its_own(server: Live, client: str, others: dict[str, str]) -> None:
    assert client not in others, others[client]


@pytest.fixture(scope="module")
def others(server: Live) -> dict[str, str]:
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_DEFAULT_REGION": REGION}
    printed = running.run([envs.interpreter("s3"), running.HERE / "read_s3.py", server.url], env=env)
    found: dict[str, str] = json.loads(printed.splitlines()[-1])
    return found
