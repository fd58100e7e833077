"""Stores through the whole application: requests are answered as for local files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from numcodecs.registry import get_codec

import tiled_zarr
from adapters.remote.conftest import S3, Clock
from adapters.remote.contents import IMAGE, npy, parquet, png, tiff
from asgi import Answer, ask, asked
from objectserver import ObjectServer
from tiled_zarr.app import create_app
from tiled_zarr.cli import main
from tiled_zarr.hierarchy.names import wire
from tiled_zarr.opening import file_name
from tiled_zarr.resources import IN_FLIGHT
from tiled_zarr.settings import Mount, Settings, SettingsError, from_environment
from tiled_zarr.settings.files import read
from tiled_zarr.tree import plant

BLOCKS = np.random.default_rng(20261127).integers(0, 2**16, (2048, 2048), dtype="u2")


class Served:
    """An application over trees, and the answers to requests."""

    def __init__(self, settings: Settings) -> None:
        self.tree = plant(settings)
        self.app = create_app(self.tree.root, settings, self.tree.tasks, self.tree.resources)

    def __call__(self, path: str, **headers: str) -> Answer:
        return ask(self.app, path, headers=headers)

    def document(self, path: str) -> Any:
        answer = self(f"/zarr/v3/{path}zarr.json")
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def serve(server: ObjectServer) -> Iterator[Callable[..., Served]]:
    """A function that serves addresses in the bucket of the server, by their paths."""
    made: list[Served] = []
    store = {"endpoint": server.url, "region": "us-east-1", "anonymous": True}

    def serving(trees: Mapping[str, str], **settings: Any) -> Served:
        stores = {path: {} if target.startswith("http") else store for path, target in trees.items()}
        mounts = tuple(
            Mount(path=path, source="remote", target=target, store=stores[path], bare=bool(path)) for path, target in trees.items()
        )
        made.append(Served(Settings(trees=mounts, public=True, **settings)))
        return made[-1]

    yield serving
    for one in made:
        one.tree.resources.close()


def chunk(answer: Answer, shape: tuple[int, ...], dtype: str = "u2") -> np.ndarray[Any, Any]:
    assert answer.status == 200, answer.body
    return np.frombuffer(get_codec({"id": "blosc"}).decode(answer.body), dtype).reshape(shape)


def test_a_chunk_and_its_tag(serve: Callable[..., Served], server: ObjectServer) -> None:
    server.objects["lab/a.tif"] = tiff(BLOCKS, tile=(512, 512), compression="zlib")
    served = serve({"": "s3://lab/a.tif"}, remote_look=1e6)
    assert served.document("a/")["chunk_grid"]["configuration"]["chunk_shape"] == [512, 512]
    answer = served("/zarr/v3/a/c/1/2")
    np.testing.assert_array_equal(chunk(answer, (512, 512)), BLOCKS[512:1024, 1024:1536])
    server.requests.clear()
    assert served("/zarr/v3/a/c/1/2", **{"If-None-Match": answer.headers["etag"]}).status == 304
    assert served("/zarr/v3/a/c/1/2").body == answer.body
    assert server.requests == []


def test_a_table_alone_is_not_read_again(serve: Callable[..., Served], server: ObjectServer) -> None:
    server.objects["lab/a.parquet"] = parquet(x=np.arange(1000))
    served = serve({"": "s3://lab/a.parquet"}, remote_look=1e6)
    assert served.document("a/x/")["shape"] == [1000]
    before = served("/zarr/v3/a/x/c/0")
    server.requests.clear()
    assert served("/zarr/v3/a/x/c/0", **{"If-None-Match": before.headers["etag"]}).status == 304
    assert served.document("a/x/")["shape"] == [1000]
    assert server.requests == []


def test_a_store_of_zarr_on_a_web_server(serve: Callable[..., Served], server: ObjectServer, tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "z", mode="w").create_array("a", data=BLOCKS, chunks=(512, 512), compressors=None)
    server.add(tmp_path / "z", "data/z.zarr")
    served = serve({"": f"{server.url}/data/z.zarr"})
    assert served("/zarr/v3/a/c/1/2").body == BLOCKS[512:1024, 1024:1536].tobytes()


def test_two_servers_give_the_same_tags(serve: Callable[..., Served], server: ObjectServer) -> None:
    """Workers and replicas see the same ETags of the store; of copies, too."""
    server.objects |= {"lab/a.npy": npy(IMAGE), "lab/b.png": png(IMAGE.astype("u1"))}
    one, two = serve({"": "s3://lab/"}), serve({"": "s3://lab/"})
    for name in "ab":
        assert one(f"/zarr/v3/{name}/c/0/0").headers["etag"] == two(f"/zarr/v3/{name}/c/0/0").headers["etag"]


def test_a_replaced_object_has_other_tags(serve: Callable[..., Served], server: ObjectServer, clock: Clock) -> None:
    server.objects["lab/a.npy"] = npy(IMAGE[:64, :64])
    served = serve({"": "s3://lab/"})
    before = served("/zarr/v3/a/c/0/0")
    server.objects["lab/a.npy"] = npy(IMAGE[64:128, :64])
    clock.now += 5.1
    after = served("/zarr/v3/a/c/0/0", **{"If-None-Match": before.headers["etag"]})
    np.testing.assert_array_equal(chunk(after, (64, 64)), IMAGE[64:128, :64])
    assert after.headers["etag"] != before.headers["etag"]


def test_a_replacement_that_nobody_has_looked_at_is_never_mixed(serve: Callable[..., Served], server: ObjectServer) -> None:
    """The read is refused, and the request is answered from the new version or is a 503."""
    server.objects["lab/a.npy"] = npy(BLOCKS)
    served = serve({"": "s3://lab/"}, remote_look=1e6)
    served("/zarr/v3/a/c/0/0")
    server.objects["lab/a.npy"] = npy(BLOCKS[::-1].copy())
    answer = served("/zarr/v3/a/c/1/1")
    if answer.status != 200:
        assert answer.status == 503
        answer = served("/zarr/v3/a/c/1/1")
    np.testing.assert_array_equal(chunk(answer, (512, 512)), BLOCKS[::-1][512:1024, 512:1024])


def test_a_deleted_object_is_gone_and_never_zeros(serve: Callable[..., Served], server: ObjectServer, clock: Clock) -> None:
    server.objects |= {"lab/a.npy": npy(IMAGE), "lab/b.npy": npy(IMAGE)}
    served = serve({"": "s3://lab/"})
    served.document("a/")
    del server.objects["lab/a.npy"]
    clock.now += 5.1
    assert served("/zarr/v3/a/c/0/0").status == 410
    assert served("/zarr/v3/a/zarr.json").status == 404
    assert served("/zarr/v3/b/c/0/0").status == 200


def test_a_store_that_fails_is_a_5xx(serve: Callable[..., Served], server: ObjectServer, clock: Clock) -> None:
    server.objects["lab/a.npy"] = npy(IMAGE)
    served = serve({"": "s3://lab/"}, read_timeout=0.8)
    served.document("a/")
    for status, expected in {403: 500, 503: 503, 500: 503, "hang": 503}.items():
        server.faults |= {"lab": status, "lab/a.npy": status}
        clock.now += 5.1
        for path in ("a/c/1/0", "a/zarr.json", "no-such/c/0/0")[: 1 if status == "hang" else 3]:
            answer = served(f"/zarr/v3/{path}")
            assert answer.status == expected, (status, path, answer.body)
    server.faults.clear()
    assert served("/zarr/v3/a/c/0/0").status == 200


def test_one_tree_of_several_that_is_damaged(serve: Callable[..., Served], server: ObjectServer, quiet: None) -> None:
    server.objects |= {"lab/a.npy": npy(IMAGE), "lab/b.npy": b"no"}
    served = serve({"good": "s3://lab/a.npy", "bad": "s3://lab/b.npy", "all": "s3://lab/"})
    assert served("/zarr/v3/good/c/0/0").status == 200
    assert served("/zarr/v3/all/a/c/0/0").status == 200
    assert served("/zarr/v3/bad/zarr.json").status == 500
    assert "cannot be read as an NPY array" in served.document("")["attributes"]["tiled_zarr"]["unavailable"]["bad"]


def test_32_reads_of_one_source_are_under_way(serve: Callable[..., Served], server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.objects["lab/a.tif"] = tiff(BLOCKS, tile=(256, 256), compression="zlib")
    served = serve({"": "s3://lab/a.tif"}, remote_look=1e6)
    served.document("a/")
    running, most = 0, 0
    answer = ObjectServer._answer

    async def counted(self: ObjectServer, *request: Any) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0.3)
            return await answer(self, *request)
        finally:
            running -= 1

    monkeypatch.setattr(ObjectServer, "_answer", counted)

    async def together() -> list[Answer]:
        return await asyncio.gather(*(asked(served.app, f"/zarr/v3/a/c/{i}/{j}") for i in range(8) for j in range(8)))

    for place, got in enumerate(asyncio.run(together())):
        i, j = divmod(place, 8)
        np.testing.assert_array_equal(chunk(got, (256, 256)), BLOCKS[256 * i : 256 * i + 256, 256 * j : 256 * j + 256])
    assert most >= IN_FLIGHT


def test_a_large_prefix_is_listed_without_opening_it(serve: Callable[..., Served], server: ObjectServer) -> None:
    server.objects |= {f"lab/many/a{i:05d}x.npy": npy(IMAGE[:2, :2]) for i in range(600)}
    served = serve({"": "s3://lab/many/"})
    assert len(served.tree.root.children) == 600
    assert len(server.asked("GET", ".npy")) == 0
    assert "consolidated_metadata" not in served.document("")


def test_a_bucket_of_many_prefixes_is_not_walked(serve: Callable[..., Served], server: ObjectServer) -> None:
    """One document of its root would take a listing for each of them."""
    server.objects |= {f"lab/p{i:03d}x/q{i % 3}/a.npy": npy(IMAGE[:2, :2]) for i in range(40)}
    served = serve({"": "s3://lab/"})
    server.requests.clear()
    assert "consolidated_metadata" not in served.document("")
    assert not any("/q" in request.key for request in server.requests)
    assert served.document("p012x/q0/a/")["shape"] == [2, 2]


def test_a_few_prefixes_are_in_one_document(serve: Callable[..., Served], server: ObjectServer) -> None:
    server.objects |= {f"lab/p{i}/q/a.npy": npy(IMAGE[:2, :2]) for i in range(5)}
    members = serve({"": "s3://lab/"}).document("")["consolidated_metadata"]["metadata"]
    assert sorted(members) == sorted([*(f"p{i}" for i in range(5)), *(f"p{i}/q" for i in range(5)), *(f"p{i}/q/a" for i in range(5))])


def test_children_are_opened_side_by_side(serve: Callable[..., Served], server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document describes them one after the other; 60 ms for each would add up."""
    server.objects |= {f"lab/a{i:02d}x.npy": npy(IMAGE[i : i + 3]) for i in range(40)}
    served = serve({"": "s3://lab/"})
    server.delay = 0.2
    running, most = set[str](), 0
    answer = ObjectServer._answer

    async def counted(self: ObjectServer, method: str, target: str, headers: Mapping[str, str]) -> bytes:
        nonlocal most
        running.add(target)
        most = max(most, len(running))
        try:
            return await answer(self, method, target, headers)
        finally:
            running.discard(target)

    monkeypatch.setattr(ObjectServer, "_answer", counted)
    assert len(served.document("")["consolidated_metadata"]["metadata"]) == 40
    assert most > 10


YAML = """
public: true
remote_look: 1
trees:
  - path: /image
    remote: s3://lab/conf/a.npy
    frozen: true
    store: {{endpoint: "{url}", region: us-east-1}}
  - path: /table
    remote: s3://lab/conf/t.odd
    ext: {{.odd: parquet}}
    chunk_shape: [100]
"""


def test_a_configuration(s3: S3, tmp_path: Any) -> None:
    s3.client.put_object(Bucket="lab", Key="conf/a.npy", Body=npy(IMAGE))
    s3.client.put_object(Bucket="lab", Key="conf/t.odd", Body=parquet(x=np.arange(1000)))
    (tmp_path / "c.yml").write_text(YAML.format(url=s3.url))
    served = Served(read(tmp_path / "c.yml"))
    try:
        assert served.document("image/")["shape"] == [700, 900]
        assert "immutable" in served("/zarr/v3/image/c/0/0").headers["cache-control"]
        assert served.document("table/x/")["chunk_grid"]["configuration"]["chunk_shape"] == [100]
    finally:
        served.tree.resources.close()


def test_the_commands_and_the_function(s3: S3) -> None:
    s3.client.put_object(Bucket="lab", Key="said/a.npy", Body=npy(IMAGE))
    s3.client.put_object(Bucket="lab", Key="said/t.parquet", Body=parquet(x=np.arange(1000)))
    listed = CliRunner().invoke(main, ["ls", "s3://lab/said/"])
    assert listed.output.splitlines()[:2] == ["/  group", "  a  array  700 x 900  uint16  chunks 512 x 512"], listed.output
    facts = CliRunner().invoke(main, ["info", "--json", "s3://lab/said/a.npy"])
    assert json.loads(facts.output)["shape"] == "700 x 900"
    with tiled_zarr.serve("s3://lab/said/") as served:
        np.testing.assert_array_equal(served.zarr("a")[600:, 5:7], IMAGE[600:, 5:7])


WRONG = {
    "trees: [{remote: 's3://lab/none/'}]": "s3://lab/none/ cannot be served: .*there is nothing at s3://lab/none/",
    "trees: [{remote: 's3://lab/a.npy', walker: 'm:w'}]": "walker: s3://lab/a.npy is in a store, .*; leave it out",
    "trees: [{directory: '.', store: {region: x}}]": "store: only a remote tree has a store",
    "trees: [{remote: 'https://h/a.npy', store: {region: x}}]": "a web server, which has no options: leave out region",
    "trees: [{remote: 's3://lab/a', store: {secret: x}}]": "store.secret: unknown; known are endpoint, region, account, anonymous",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_a_configuration_that_is_wrong(s3: S3, tmp_path: Any, text: str, message: str) -> None:
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        plant(read(tmp_path / "c.yml"))


ODD = ("a b", "pc%20", "q?m", "ha#sh", "ü+&", "tilde~")


@pytest.mark.parametrize("name", ODD)
def test_a_single_object_has_the_name_of_its_key(s3: S3, server: ObjectServer, name: str) -> None:
    body = npy(IMAGE)
    s3.client.put_object(Bucket="lab", Key=f"odd/{name}.npy", Body=body)
    server.objects[f"data/{name}.npy"] = body
    for url in (f"s3://lab/odd/{name}.npy", f"{server.url}/data/{quote(name)}.npy"):
        planted = plant(from_environment({}, tree={"ANYTHING": url}))
        try:
            assert [*planted.root.children] == [name]
        finally:
            planted.resources.close()
        listed = CliRunner().invoke(main, ["ls", url])
        assert listed.output == f"{wire(name)}  array  700 x 900  uint16  chunks 512 x 512\n"
        assert file_name(url) == f"{name}.npy"
