"""A store in a bucket, on a local server of S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from zarr import open_group
from zarr.storage import ObjectStore

import tiled_zarr
from baking.stocked import CUBE, read, swap, write_run
from baking.twins import files, levels
from tiled_zarr.app import create_app
from tiled_zarr.baking import CannotBake
from tiled_zarr.baking.objects import Objects
from tiled_zarr.settings import from_environment
from tiled_zarr.tree import plant

BUCKET = "stores"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a server with an empty bucket."""
    for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    made = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint)
    made.create_bucket(Bucket=BUCKET)
    for page in made.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for found in page.get("Contents", []):
            made.delete_object(Bucket=BUCKET, Key=found["Key"])
    return made


def objects(s3: Any, prefix: str) -> dict[str, bytes]:
    """The objects below a prefix, by their keys below it."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    return {key.removeprefix(prefix): s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    np.save(tmp_path / "scan.npy", np.random.default_rng(1).integers(0, 900, (1500, 1300)).astype("u2"))
    return tmp_path / "scan.npy"


def test_a_store_has_the_objects_of_a_folder(s3: Any, source: Path, tmp_path: Path) -> None:
    tiled_zarr.bake(source, tmp_path / "a", shards=(512, 512))
    tiled_zarr.bake(source, f"s3://{BUCKET}/deep/er.zarr", shards=(512, 512))
    assert objects(s3, "deep/er.zarr/") == files(tmp_path / "a")
    store = ObjectStore(S3Store(BUCKET, prefix="deep/er.zarr", client_options={"allow_http": True}), read_only=True)
    group = open_group(store, mode="r")
    for number, level in enumerate(levels(np.load(source))):
        np.testing.assert_array_equal(group[str(number)][...], level)


def test_names_of_objects_may_be_longer_than_those_of_files(s3: Any, tmp_path: Path) -> None:
    prefix = f"s3://{BUCKET}/long.zarr"
    fits = "y" * (1024 - len("long.zarr/") - len("/zarr.json"))
    made = tiled_zarr.bake({fits: {}, f"{fits}y": {}, "z" * 300: np.arange(5)}, prefix)
    assert list(made.left_out) == [f"{fits}y"]
    assert max(map(len, objects(s3, ""))) == 1024
    store = ObjectStore(S3Store(BUCKET, prefix="long.zarr", client_options={"allow_http": True}), read_only=True)
    group = open_group(store, mode="r")
    assert sorted(group) == [fits, "z" * 300]
    np.testing.assert_array_equal(group["z" * 300][...], np.arange(5))
    assert "has 1,015 bytes" in group.attrs["tiled_zarr"]["unavailable"][f"{fits}y"]


def test_each_object_is_one_put_and_documents_come_last(s3: Any, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    puts: list[str] = []
    put = Objects.put

    def noted(self: Objects, key: str, body: bytes) -> None:
        put(self, key, body)
        puts.append(key)

    monkeypatch.setattr(Objects, "put", noted)
    tiled_zarr.bake(source, f"s3://{BUCKET}/a")
    tags = {key: s3.head_object(Bucket=BUCKET, Key=f"a/{key}")["ETag"] for key in objects(s3, "a/")}
    assert not [tag for tag in tags.values() if "-" in tag], "an object in several parts has a dash in its tag"
    assert puts[0] == ".tiled-zarr-bake.json"
    documents = [key.endswith("zarr.json") for key in puts[1:]]
    assert documents == sorted(documents)
    assert puts[-1] == "zarr.json"
    assert sorted(puts[1:]) == sorted(tags)


def test_a_store_that_fails_goes_on(s3: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled_zarr.bake(source, tmp_path / "a", shards=(512, 512))
    put, left = Objects.put, [6]

    def failing(self: Objects, key: str, body: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("503 Slow Down")
        put(self, key, body)

    monkeypatch.setattr(Objects, "put", failing)
    with pytest.raises(OSError, match="Slow Down"):
        tiled_zarr.bake(source, f"s3://{BUCKET}/a", shards=(512, 512))
    monkeypatch.setattr(Objects, "put", put)
    assert "zarr.json" not in objects(s3, "a/")
    with pytest.raises(CannotBake, match="go on with --resume"):
        tiled_zarr.bake(source, f"s3://{BUCKET}/a", shards=(512, 512))
    tiled_zarr.bake(source, f"s3://{BUCKET}/a", shards=(512, 512), resume=True)
    assert objects(s3, "a/") == files(tmp_path / "a")


def test_a_source_in_the_bucket(s3: Any, source: Path, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="sources/scan.npy", Body=source.read_bytes())
    tiled_zarr.bake(f"s3://{BUCKET}/sources/scan.npy", tmp_path / "a")
    np.testing.assert_array_equal(open_group(tmp_path / "a", mode="r")["0"][...], np.load(source))


def test_scratch_goes(s3: Any) -> None:
    """An image with marks has scratch, of integers that are served as zeros."""
    values = np.random.default_rng(2).integers(100, 200, (2200, 1100)).astype("u2")
    values[300:900, 200:900] = 65535
    node = tiled_zarr.Array(shape=values.shape, dtype=values.dtype, read=values.__getitem__, revision=lambda: "1")
    tiled_zarr.bake(node, f"s3://{BUCKET}/b")
    assert {key.partition("/")[0] for key in objects(s3, "b/")} == {"zarr.json", "0", "1", "2", "3"}


def test_a_bucket_that_is_not_there(s3: Any, source: Path) -> None:
    with pytest.raises(tiled_zarr.nodes.Damaged, match="there is no bucket"):
        tiled_zarr.bake(source, "s3://nobucket/a")


@pytest.mark.parametrize("target", ["https://example.org/a.zarr", "ftp://example.org/a"])
def test_targets_that_take_nothing(target: str, source: Path) -> None:
    with pytest.raises(tiled_zarr.Unavailable, match=r"takes no objects|is not read"):
        tiled_zarr.bake(source, target)


def test_an_object_is_sent_from_what_was_baked_of_it(s3: Any, tmp_path: Path) -> None:
    """Until another version of it has been looked at."""
    s3.upload_file(str(write_run(tmp_path / "run.h5")), BUCKET, "data/run.h5")
    tiled_zarr.bake(f"s3://{BUCKET}/data/run.h5", tmp_path / "baked" / "run.zarr")
    swap(tmp_path / "baked" / "run.zarr" / "entry" / "cube", CUBE + 1)
    settings = from_environment(
        {}, {"public": "1", "baked": str(tmp_path / "baked"), "remote_look": "0.001"}, {"ANYTHING": f"s3://{BUCKET}/data/"}
    )
    tree = plant(settings)
    app = create_app(tree.root, settings, tree.tasks, tree.resources)
    np.testing.assert_array_equal(read(app, "run/entry/cube"), CUBE + 1)
    s3.upload_file(str(write_run(tmp_path / "run.h5", CUBE + 2)), BUCKET, "data/run.h5")
    np.testing.assert_array_equal(read(app, "run/entry/cube"), CUBE + 2)
