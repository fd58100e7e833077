"""References of kerchunk that lie in a store, and are read back over HTTP. Truths are read by h5py."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import kerchunked
import tiled_zarr
from adapters.zarr.test_references import in_parquet
from asgi import ask
from objectserver import ObjectServer
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Damaged
from tiled_zarr.settings import Settings, arguments
from tiled_zarr.testing import whole
from tiled_zarr.tree import Tree, plant

WIDE = np.arange(150 * 200, dtype="<i4").reshape(150, 200)
PLACES = "s3://lab/raw/,s3://other/"
EXT = {".json": "kerchunk"}


def file_of_hdf5() -> bytes:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        file.create_dataset("wide", data=WIDE, chunks=(75, 100))
        file.create_dataset("zipped", data=WIDE, chunks=(75, 100), compression="gzip", shuffle=True)
        file["group/line"] = np.arange(10.0)
    return held.getvalue()


RAW = file_of_hdf5()


def references(url: str, **changed: Any) -> dict[str, Any]:
    """What kerchunk writes of the file at a URL, with other references for some chunks of `wide`."""
    found = kerchunked.references(RAW, url)
    return {**found, "refs": {**found["refs"], **{f"wide/{name[1:]}": value for name, value in changed.items()}}}


WRONG: Mapping[str, Any] = {
    "gone": {"_0.0": ["s3://lab/raw/gone.h5", 0, 30000]},
    "beyond": {"_0.0": ["s3://lab/raw/a.h5", len(RAW) - 10, 30000]},
    "short": {"_0.0": ["s3://lab/raw/a.h5", 0, 10]},
    "astray": {"_0.0": ["s3://lab-of-others/a.h5", 0, 30000]},
    "above": {"_0.0": ["raw/../secret.h5", 0, 30000]},
    "local": {"_0.0": ["/etc/hostname", 0, 4]},
    "file": {"_0.0": ["file:///etc/hostname", 0, 4]},
    "inside": {"_0.0": ["http://169.254.169.254/latest/meta-data", 0, 4]},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """A store with a file, references to it in all forms, and wrong ones."""
    folder = tmp_path_factory.mktemp("references")
    objects = {"lab/raw/a.h5": RAW, "other/a.h5": RAW, "lab/secret.h5": RAW}
    objects["lab/refs.json"] = json.dumps(references("s3://other/a.h5")).encode()
    objects["lab/beside.json"] = json.dumps(references("raw/a.h5")).encode()
    objects["lab/broken.json"] = b"{"
    for name, changed in WRONG.items():
        objects[f"lab/wrong/{name}.json"] = json.dumps(references("s3://lab/raw/a.h5", **changed)).encode()
    for name in ("all.parq", "torn.parq"):
        in_parquet(folder / name, references("raw/a.h5"))
    with ObjectServer(objects) as server:
        for name in ("all.parq", "torn.parq"):
            server.add(folder / name, f"lab/{name}")
        server.objects["lab/torn.parq/wide/refs.0.parq"] = server.objects["lab/torn.parq/wide/refs.0.parq"][:-20]
        yield server


def planted(server: ObjectServer, *addresses: str, places: str = PLACES, look: float = 5.0) -> Tree:
    """The tree of some addresses; the store has options of its own."""
    store = {"endpoint": server.url, "region": "us-east-1", "anonymous": True}
    mounts = [replace(one, store=store) for one in arguments.mounts(list(addresses), {"ext": EXT})]
    return plant(Settings(trees=tuple(mounts), public=True, references=tuple(filter(None, places.split(","))), remote_look=look))


@pytest.fixture(scope="module")
def tree(store: ObjectServer) -> Tree:
    """All of the bucket."""
    return planted(store, "s3://lab/")


@pytest.mark.parametrize("version", [2, 3])
def test_they_are_read_back_over_http(tree, version):
    with tiled_zarr.serve(tree.root) as server:
        root = zarr.open_group(f"{server.url}/zarr/v{version}/", mode="r", zarr_format=version)
        with h5py.File(io.BytesIO(RAW)) as truth:
            for name in ("refs", "beside", "all.parq"):
                for path in ("wide", "zipped", "group/line"):
                    np.testing.assert_array_equal(root[f"{name}/{path}"][...], truth[path][...])
            np.testing.assert_array_equal(root["wrong/gone/zipped"][...], WIDE)


@pytest.mark.parametrize("path", [*(f"wrong/{name}" for name in WRONG), "torn.parq"])
def test_what_cannot_be_read_is_an_error_and_no_missing_chunk(tree, path):
    app = create_app(tree.root, Settings(public=True))
    assert ask(app, f"/zarr/v3/{path}/wide/c/0/0").status // 100 == 5
    assert ask(app, f"/zarr/v2/{path}/wide/0.0").status // 100 == 5
    assert ask(app, f"/zarr/v3/{path}/zipped/c/0/0").status == 200


def test_what_is_no_references_is_an_error(tree):
    assert ask(create_app(tree.root, Settings(public=True)), "/zarr/v3/broken/zarr.json").status // 100 == 5


@pytest.mark.parametrize("name", ["refs.json", "all.parq/", "all.parq"])
def test_an_address_is_that_of_references(store, name):
    np.testing.assert_array_equal(whole(planted(store, f"s3://lab/{name}").root.children["wide"]), WIDE)


@pytest.mark.parametrize("name", ["refs.json", "all.parq/"])
def test_without_places_nothing_is_opened(store, name):
    with pytest.raises(Exception, match="--references"):
        planted(store, f"s3://lab/{name}", places="").root.children["wide"]


def test_without_places_the_others_are_served(store):
    app = create_app(planted(store, "s3://lab/", places="").root, Settings(public=True))
    assert {ask(app, f"/zarr/v3/{name}/zarr.json").status // 100 for name in ("refs", "all.parq")} == {5}
    assert "--references" in ask(app, "/zarr/v3/zarr.json").body.decode()


def test_a_web_server_has_references_too(store):
    found = json.dumps(references(f"{store.url}/lab/raw/a.h5")).encode()
    store.objects["lab/web/there.json"] = found
    store.objects["lab/web/near.json"] = json.dumps(references("../raw/a.h5")).encode()
    mounts = arguments.mounts([f"{store.url}/lab/web/there.json"], {"ext": EXT})
    root = plant(Settings(trees=tuple(mounts), public=True, references=(f"{store.url}/lab/raw/",))).root
    np.testing.assert_array_equal(whole(root.children["wide"]), WIDE)
    mounts = arguments.mounts([f"{store.url}/lab/web/near.json"], {"ext": EXT})
    root = plant(Settings(trees=tuple(mounts), public=True, references=(f"{store.url}/lab/",))).root
    with pytest.raises(Damaged):
        whole(root.children["wide"])


def test_new_references_are_noticed(store):
    store.objects["lab/later/r.json"] = json.dumps(references("s3://other/a.h5")).encode()
    root = planted(store, "s3://lab/later/", look=0.0).root
    np.testing.assert_array_equal(whole(root.children["r"].children["wide"]), WIDE)
    found = references("s3://other/a.h5")
    found["refs"]["wide/0.0"] = found["refs"]["wide/1.1"]
    store.objects["lab/later/r.json"] = json.dumps(found).encode()
    np.testing.assert_array_equal(whole(root.children["r"].children["wide"])[:75, :100], WIDE[75:, 100:])
