"""References of kerchunk, as kerchunk and VirtualiZarr write them. Truths are read by h5py."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import zarr
from fsspec.implementations.reference import LazyReferenceMapper

import kerchunked
import tiled_zarr
from asgi import ask
from objectserver import ObjectServer
from tiled_zarr import open as opened_anything
from tiled_zarr.adapters.zarr.references import open_references
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Damaged, Group, Node
from tiled_zarr.resources import Fetching, Resources
from tiled_zarr.settings import Settings, arguments, from_environment
from tiled_zarr.testing import check_read_back, whole
from tiled_zarr.tree import plant

WIDE = np.arange(150 * 200, dtype="<i4").reshape(150, 200)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A HDF5 file in a folder of its own."""
    (tmp_path / "raw").mkdir()
    with h5py.File(tmp_path / "raw" / "a.h5", "w") as file:
        file.create_dataset("wide", data=WIDE, chunks=(75, 100))
        file.create_dataset("zipped", data=WIDE, chunks=(75, 100), compression="gzip", shuffle=True)
        file["group/line"] = np.arange(10.0)
    return tmp_path / "raw" / "a.h5"


@pytest.fixture
def truth(raw: Path) -> dict[str, Any]:
    with h5py.File(raw) as file:
        return {"group": {"line": file["group/line"][:]}, "wide": file["wide"][:], "zipped": file["zipped"][:]}


def references(raw: Path, url: str | None = None) -> dict[str, Any]:
    """What kerchunk writes of the file, with another URL for it."""
    return kerchunked.references(raw.read_bytes(), url or str(raw))


def written(folder: Path, found: dict[str, Any]) -> Path:
    path = folder / "refs.json"
    path.write_text(json.dumps(found))
    return path


def in_parquet(folder: Path, found: dict[str, Any]) -> None:
    """Write references as a folder of Parquet files."""
    folder.mkdir()
    mapper = LazyReferenceMapper.create(root=str(folder), fs=fsspec.filesystem("file"), record_size=10, engine="pyarrow")
    for key, value in sorted(found["refs"].items(), key=lambda item: ".z" not in item[0]):  # documents first
        mapper[key] = value if isinstance(value, list) else value.encode()
    mapper.flush()


def opened(path: Path, *places: str | Path) -> Node:
    return open_references(path, Resources.of(fetching=Fetching(references=tuple(map(str, places)))))


def test_json_is_read_back_equal(tmp_path, raw, truth):
    check_read_back(opened(written(tmp_path, references(raw)), raw.parent), truth)


def test_parquet_is_read_back_equal(tmp_path, raw, truth):
    in_parquet(tmp_path / "combined.parq", references(raw))
    settings = from_environment({"TILED_ZARR_REFERENCES": str(raw.parent)}, tree={"DIRECTORY": str(tmp_path)})
    tree = plant(settings).root
    check_read_back(tree.children["combined.parq" if "combined.parq" in tree.children else "combined"], truth)


@pytest.mark.parametrize("version", [2, 3])
def test_they_are_read_back_over_http(tmp_path, raw, truth, version):
    parquet = tmp_path / "combined.parq"
    in_parquet(parquet, references(raw))
    nodes = {"json": opened(written(tmp_path, references(raw)), raw.parent), "parquet": opened(parquet, raw.parent)}
    with tiled_zarr.serve(nodes) as server:
        root = zarr.open_group(f"{server.url}/zarr/v{version}/", mode="r", zarr_format=version)
        for name in nodes:
            assert set(root[name]) == {"group", "wide", "zipped"}
            assert set(root[name]["group"]) == {"line"}, "the members of a group in the references"
            np.testing.assert_array_equal(root[name]["group/line"][...], truth["group"]["line"])
            for path in ("wide", "zipped"):
                np.testing.assert_array_equal(root[name][path][...], truth[path])


def test_a_group_without_members_is_one(tmp_path, raw):
    found = references(raw)
    found["refs"]["empty/.zgroup"] = '{"zarr_format": 2}'
    in_parquet(tmp_path / "combined.parq", found)
    for path in (written(tmp_path, found), tmp_path / "combined.parq"):
        assert list(opened(path, raw.parent).children["empty"].children) == []


def test_a_torn_file_of_references_is_an_error_and_no_missing_chunk(tmp_path, raw):
    in_parquet(tmp_path / "combined.parq", references(raw))
    part = tmp_path / "combined.parq" / "wide" / "refs.0.parq"
    part.write_bytes(part.read_bytes()[:-20])
    node = opened(tmp_path / "combined.parq", raw.parent)
    app = create_app(Group(children={"r": node}), Settings(public=True))
    assert ask(app, "/zarr/v3/r/wide/c/0/0").status // 100 == 5
    np.testing.assert_array_equal(whole(node.children["zipped"]), WIDE)


def test_relative_paths_begin_at_the_references(tmp_path, raw, truth):
    check_read_back(opened(written(tmp_path, references(raw, "raw/a.h5")), raw.parent), truth)


@pytest.fixture
def server(raw: Path) -> Iterator[ObjectServer]:
    with ObjectServer({"bucket/a.h5": raw.read_bytes()}) as server:
        yield server


def test_objects_are_read_by_ranges(tmp_path, raw, truth, server, monkeypatch):
    for name, value in {"ENDPOINT_URL": server.url, "ALLOW_HTTP": "true", "SKIP_SIGNATURE": "true", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    node = opened(written(tmp_path, references(raw, "s3://bucket/a.h5")), "s3://bucket/")
    check_read_back(node, truth)
    assert server.asked("GET", "bucket/a.h5")
    assert all(request.range for request in server.requests)


def test_without_places_nothing_is_opened(tmp_path, raw):
    path = written(tmp_path, references(raw))
    with pytest.raises(Damaged, match="--references"):
        open_references(path)
    (mount,) = arguments.mounts([str(tmp_path)], {"ext": {".json": "kerchunk"}})
    app = create_app(plant(Settings(trees=(mount,), public=True)).root, Settings(public=True))
    assert "--references" in ask(app, "/zarr/v3/", headers={"accept": "application/json"}).body.decode()
    assert ask(app, "/zarr/v3/refs/zarr.json").status // 100 == 5


def test_a_file_of_json_is_opened_if_somebody_says_what_it_is(tmp_path, raw, truth):
    (mount,) = arguments.mounts([str(written(tmp_path, references(raw)))], {"ext": {".json": "kerchunk"}})
    check_read_back(plant(Settings(trees=(mount,), references=(str(raw.parent),))).root, truth)


LEADING = {
    "another folder": "/etc/hostname",
    "a file URL": "file:///etc/hostname",
    "above": "raw/../../../../../../etc/hostname",
    "another bucket": "s3://other/a.h5",
    "a longer name": "s3://bucket-of-others/a.h5",
    "above in a bucket": "s3://bucket/../other/a.h5",
    "above, encoded": "https://host/data/%2e%2e/secret",
    "inside the network": "http://169.254.169.254/latest/meta-data",
    "a scheme of fsspec": "github://org:repo@/a",
}


@pytest.mark.parametrize("target", LEADING.values(), ids=LEADING)
@pytest.mark.parametrize("form", [[0, 8], []], ids=["range", "whole"])
def test_references_lead_to_no_other_place(tmp_path, raw, target, form):
    found = references(raw)
    found["refs"]["wide/0.0"] = [target, *form]
    node = opened(written(tmp_path, found), raw.parent, "s3://bucket/", "https://host/data/")
    with pytest.raises(Damaged):
        whole(node.children["wide"])
    np.testing.assert_array_equal(whole(node.children["zipped"]), WIDE)


def test_a_link_in_a_place_leads_no_further(tmp_path, raw):
    (raw.parent / "link").symlink_to("/etc/hostname")
    found = references(raw)
    found["refs"]["wide/0.0"] = [str(raw.parent / "link"), 0, 4]
    with pytest.raises(Damaged):
        whole(opened(written(tmp_path, found), raw.parent).children["wide"])


WRONG = {
    "gone": lambda raw: [str(raw.with_name("gone.h5")), 0, 30000],
    "beyond its end": lambda raw: [str(raw), raw.stat().st_size - 10, 30000],
    "too short": lambda raw: [str(raw), 0, 10],
    "not base64": lambda _: "base64:?",
    "inlined, too short": lambda _: "base64:" + base64.b64encode(b"1234").decode(),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_reference_is_an_error_and_no_missing_chunk(tmp_path, raw, wrong):
    found = references(raw)
    found["refs"]["wide/0.0"] = wrong(raw)
    node = opened(written(tmp_path, found), raw.parent)
    assert isinstance(node, Group)
    with pytest.raises((Damaged, ValueError)):
        whole(node.children["wide"])
    app = create_app(Group(children={"r": node}), Settings(public=True))
    assert ask(app, "/zarr/v3/r/wide/c/0/0").status // 100 == 5
    np.testing.assert_array_equal(whole(node.children["zipped"]), WIDE)


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"version": 7, "refs": {}}', '{"version": 1, "refs": {}}'])
def test_what_is_no_references_is_an_error(tmp_path, content):
    path = tmp_path / "refs.json"
    path.write_text(content)
    with pytest.raises((Damaged, FileNotFoundError)):
        opened(path, tmp_path)


def test_files_of_json_are_no_data_unless_somebody_says_so(tmp_path):
    (tmp_path / "settings.json").write_text("{}")
    assert list(opened_anything(tmp_path).children) == []
