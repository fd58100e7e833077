"""Serves repositories of icechunk and stores of VirtualiZarr, and reads them back over HTTP.

    serve_virtual.py FOLDER CHECK

The truths are what was written, and what h5py reads. It prints nothing if all is well.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import icechunk
import numpy as np
import obstore.store
import virtualizarr.parsers
import zarr
from obspec_utils.registry import ObjectStoreRegistry

import tiled_zarr
from objectserver import ObjectServer
from tiled_zarr.settings import Mount, Settings
from tiled_zarr.tree import plant

WIDE = (np.arange(512)[:, None] * 7 + np.arange(512) ** 2 // 3).astype("<i4")
LAYOUTS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "sharded": {"shards": (256, 256)},
    "raw": {"compressors": None, "shards": (256, 256)},
}


def repository(folder: Path) -> icechunk.Repository:
    """A repository with a group of arrays, and a snapshot of them on `main`."""
    found = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder)))
    commit(found, WIDE)
    return found


def commit(found: icechunk.Repository, data: np.ndarray) -> str:
    """Write the arrays anew; return the name of the snapshot."""
    session = found.writable_session("main")
    root = zarr.create_group(session.store, attributes={"title": "all"}, overwrite=True)
    for name, options in LAYOUTS.items():
        root.create_array(name, data=data, chunks=(128, 128), **options)
    return str(session.commit("all"))


def get(url: str, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body of a reply."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def check_read(url: str, path: str, truth: Mapping[str, np.ndarray]) -> None:
    """zarr-python reads the arrays of a group, in both formats, as they are."""
    for version in (2, 3):
        root = zarr.open_group(f"{url}/zarr/v{version}/{path}", mode="r", zarr_format=version)
        assert set(root) == set(truth), (version, set(root))
        for name, expected in truth.items():
            np.testing.assert_array_equal(root[name][...], expected)


def sessions(folder: Path) -> None:
    """A group over a session that only reads; the name of its snapshot is the revision."""
    found = repository(folder / "repo")
    session = found.readonly_session("main")
    group = zarr.open_group(session.store, mode="r")
    node = tiled_zarr.open(group)
    assert node.revision() == session.snapshot_id
    assert {child.revision() for child in node.children.values()} == {session.snapshot_id}
    bodies = {}
    with tiled_zarr.serve({"r": group}) as server:
        check_read(server.url, "r", dict.fromkeys(LAYOUTS, WIDE))
        for name in LAYOUTS:
            status, headers, bodies[name] = get(f"{server.url}/zarr/v3/r/{name}/c/1/2")
            assert status == 200
            assert get(f"{server.url}/zarr/v3/r/{name}/c/1/2", **{"If-None-Match": headers["ETag"]})[0] == 304
        commit(found, WIDE + 1)  # the session stays where it was
        check_read(server.url, "r", dict.fromkeys(LAYOUTS, WIDE))
    stored = {path.stat().st_size for path in (folder / "repo" / "chunks").iterdir()}
    assert len(bodies["plain"]) in stored  # as it is stored
    with tiled_zarr.serve({"r": zarr.open_group(found.writable_session("main").store, mode="r")}) as server:
        check_read(server.url, "r", dict.fromkeys(LAYOUTS, WIDE + 1))


def folders(folder: Path) -> None:
    """A repository in a served folder, which follows its branch; what is damaged harms itself."""
    found = repository(folder / "tree" / "repo")
    repository(folder / "tree" / "bad")
    (folder / "tree" / "bad" / "repo").write_bytes(b"no repository")
    repository(folder / "tree" / "lost")
    for path in (folder / "tree" / "lost" / "chunks").iterdir():
        path.write_bytes(path.read_bytes()[:10])
    with tiled_zarr.serve(folder / "tree") as server:
        check_read(server.url, "repo", dict.fromkeys(LAYOUTS, WIDE))
        commit(found, WIDE + 1)
        check_read(server.url, "repo", dict.fromkeys(LAYOUTS, WIDE + 1))
        assert get(f"{server.url}/zarr/v3/bad/zarr.json")[0] // 100 == 5
        assert "bad" in json.loads(get(f"{server.url}/zarr/v3/zarr.json")[2])["attributes"]["tiled_zarr"]["unavailable"]
        assert get(f"{server.url}/zarr/v3/lost/zarr.json")[0] == 200
        assert {get(f"{server.url}/zarr/v3/lost/{name}/c/0/0")[0] // 100 for name in LAYOUTS} == {5}


def stores(folder: Path) -> None:
    """A repository in an object store, by its address and below a prefix, which follows its branch."""
    found = repository(folder / "repo")
    repository(folder / "bad")
    (folder / "bad" / "repo").write_bytes(b"no repository")
    repository(folder / "lost")
    truth, newer = dict.fromkeys(LAYOUTS, WIDE), dict.fromkeys(LAYOUTS, WIDE + 1)
    with ObjectServer({"lab/plain/repo": b"a file of this name"}) as server:
        for name in ("repo", "bad", "lost"):
            server.add(folder / name, f"lab/tree/{name}")
        server.add(folder / "lost", "lab/tree/failing")  # not lost yet
        server.faults |= {key: 500 for key in server.objects if "/failing/chunks/" in key}
        server.objects |= {key: body[:10] for key, body in server.objects.items() if "/lost/chunks/" in key}
        options = {"endpoint": server.url, "region": "us-east-1", "anonymous": True}
        trees = [
            Mount(path=path, source="remote", target=f"s3://lab/{target}/", store=options)
            for path, target in {"one": "tree/repo", "all": "tree", "plain": "plain"}.items()
        ]
        tree = plant(Settings(trees=tuple(trees), public=True, remote_look=0.0))
        snapshot = found.readonly_session("main").snapshot_id
        assert tree.root.children["all"].children["repo"].revision() == snapshot
        with tiled_zarr.serve(tree.root) as served:
            for path in ("one", "all/repo"):
                check_read(served.url, path, truth)
            tag = get(f"{served.url}/zarr/v3/one/plain/c/1/2")[1]["ETag"]
            commit(found, WIDE + 1)
            server.add(folder / "repo", "lab/tree/repo")
            for path in ("one", "all/repo"):
                check_read(served.url, path, newer)
            assert get(f"{served.url}/zarr/v3/one/plain/c/1/2", **{"If-None-Match": tag})[0] == 200
            assert tree.root.children["all"].children["repo"].revision() != snapshot
            assert get(f"{served.url}/zarr/v3/all/bad/zarr.json")[0] // 100 == 5
            assert {get(f"{served.url}/zarr/v3/all/lost/{name}/c/0/0")[0] // 100 for name in LAYOUTS} == {5}
            assert get(f"{served.url}/zarr/v3/all/failing/plain/c/0/0")[0] // 100 == 5
            assert get(f"{served.url}/zarr/v3/plain/zarr.json")[0] == 200, "a prefix with an object named repo"
        os.environ |= {"AWS_ENDPOINT_URL": server.url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
        with tiled_zarr.serve("s3://lab/tree/repo/") as served:
            check_read(served.url, "", newer)


def virtual_chunks(folder: Path) -> None:
    """Chunks in other files are refused, in a folder and in a store: nobody has authorized them."""
    (folder / "secret").write_bytes(WIDE.tobytes())
    url = f"file://{folder}/"
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(url, icechunk.local_filesystem_store(str(folder))))
    storage = icechunk.local_filesystem_storage(str(folder / "tree" / "repo"))
    found = icechunk.Repository.create(storage, config, authorize_virtual_chunk_access={url: None})
    found.save_config()
    session = found.writable_session("main")
    root = zarr.create_group(session.store)
    root.create_array("wide", shape=WIDE.shape, dtype=WIDE.dtype, chunks=WIDE.shape, compressors=None)
    session.store.set_virtual_ref("wide/c/0/0", f"{url}secret", offset=0, length=WIDE.nbytes)
    session.commit("leads elsewhere")
    allowed = zarr.open_group(found.readonly_session("main").store, mode="r")
    np.testing.assert_array_equal(allowed["wide"][...], WIDE)  # type: ignore[index]
    with ObjectServer() as server:
        server.add(folder / "tree", "lab")
        options = {"endpoint": server.url, "region": "us-east-1", "anonymous": True}
        trees = (
            Mount(path="far", source="remote", target="s3://lab/", store=options),
            Mount(path="near", source="directory", target=str(folder / "tree")),
        )
        with tiled_zarr.serve(plant(Settings(trees=trees, public=True)).root) as served:
            for path in ("far", "near"):
                assert get(f"{served.url}/zarr/v3/{path}/repo/wide/zarr.json")[0] == 200
                assert get(f"{served.url}/zarr/v3/{path}/repo/wide/c/0/0")[0] // 100 == 5


def manifests(folder: Path) -> None:
    """A store of VirtualiZarr over a file of HDF5, whose chunks are ranges of that file."""
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("wide", data=WIDE, chunks=(128, 128))
        file.create_dataset("zipped", data=WIDE, chunks=(128, 128), compression="gzip", shuffle=True)
    registry = ObjectStoreRegistry({"file://": obstore.store.LocalStore()})
    store = virtualizarr.parsers.HDFParser()(f"file://{path}", registry)
    truth = {"wide": WIDE, "zipped": WIDE}
    with tiled_zarr.serve({"store": store, "group": zarr.open_group(store, mode="r")}) as server:
        check_read(server.url, "store", truth)
        check_read(server.url, "group", truth)
        assert get(f"{server.url}/zarr/v3/store/wide/c/1/2")[2] == WIDE[128:256, 256:384].tobytes()
        path.write_bytes(path.read_bytes()[:10_000])
        assert get(f"{server.url}/zarr/v3/store/wide/c/3/3")[0] // 100 == 5
        path.unlink()
        assert get(f"{server.url}/zarr/v3/store/wide/c/3/3")[0] // 100 == 5


CHECKS = {check.__name__: check for check in (sessions, folders, stores, virtual_chunks, manifests)}

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    CHECKS[sys.argv[2]](Path(sys.argv[1]))
    os._exit(0)  # obstore may abort a process that ends soon after its asynchronous requests
