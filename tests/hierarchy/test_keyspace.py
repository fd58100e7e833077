"""The key space alone: what resolves, what does not, and what the documents say."""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import array_node, arrays, trees
from tiled_zarr import Array, Group, Node, Sparse, Table, Unavailable
from tiled_zarr.hierarchy import names, v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk, Document, KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.hierarchy.steps import Waiting
from tiled_zarr.nodes import Options

IMAGE = array_node(np.zeros((100, 30), "u2"), (40, 30), dimension_names=("y", "x"), attributes={"unit": "counts", "limit": float("nan")})
SCALAR = array_node(np.array(1.5))


class Children(dict):
    """Children of which some raise when they are opened."""

    def __getitem__(self, name: str) -> Node:
        child = super().__getitem__(name)
        if isinstance(child, Exception):
            raise child
        return child


BAD = Children(
    good=SCALAR,
    ragged=Unavailable("ragged arrays have no shape"),
    broken=OSError("cannot read '/srv/data/x.h5'"),
    wide=array_node(np.zeros(3, "f16")),
)
TREE = Group(
    attributes={"animal": "cat"},
    children={
        "image": IMAGE,
        "scalar": SCALAR,
        "levels": Group(children={"0": IMAGE, "c": SCALAR}),
        "a/b": SCALAR,
        "table": Table(children={"A": array_node(np.arange(5)), "index": array_node(np.arange(5))}),
        "sparse": Sparse(shape=(10, 10), dtype=np.dtype("f8"), entries=lambda: (np.zeros((2, 0)), np.zeros(0))),
        "bad": Group(children=BAD, unavailable=lambda: {"awkward": "awkward arrays have no shape"}),
    },
)
V2, V3 = KeySpace(TREE, v2), KeySpace(TREE, v3)

CHUNKS = [
    (V2, "image/2.0", (2, 0)),
    (V3, "image/c/2/0", (2, 0)),
    (V2, "scalar/0", ()),
    (V3, "scalar/c", ()),
    (V2, "levels/0/0.0", (0, 0)),
    (V3, "levels/0/c/0/0", (0, 0)),
    (V3, "levels/c/c", ()),
    (V2, "a~2fb/0", ()),
    (V2, "table/A/0", (0,)),
    (V3, "sparse/c/0/0", (0, 0)),
]
ABSENT = [
    *(
        (V2, key)
        for key in ["image", "image/", "image/3.0", "image/0.1", "image/0", "image/00.0", "image/+1.0", "image/1_0.0", "image/0.0.0"]
    ),
    *(
        (V2, key)
        for key in ["image/٣.0", "image/0.-0", "image/ 0.0", "image/0.0/", "image/zarr.json", "image/c/0/0", "image//0.0", "scalar/0.0"]
    ),
    *(
        (V2, key)
        for key in ["image/" + "9" * 5000, "nowhere/.zarray", "", "/.zgroup", "levels/0", "a/b/.zarray", "0", "bad/ragged/.zarray"]
    ),
    *(
        (V3, key)
        for key in ["image/c", "image/c/3/0", "image/c/0", "image/c/00/0", "image/c/0.0", "image/c/0/0/", "image/c//0/0", "image/c/0/+0"]
    ),
    *((V3, key) for key in ["scalar/c/0", "scalar/0", "levels/0/0.0", "image/.zarray", "c", "c/0", "bad/wide/zarr.json", "bad/wide/c/0"]),
]


def document(keyspace: KeySpace, key: str) -> dict | None:
    found = keyspace.resolve(key)
    assert isinstance(found, Document)
    body = found.body()
    return None if body is None else json.loads(body)


@pytest.mark.parametrize(("keyspace", "key", "index"), CHUNKS)
def test_chunks(keyspace: KeySpace, key: str, index: tuple) -> None:
    found = keyspace.resolve(key)
    assert isinstance(found, Chunk)
    assert found.index == index


@pytest.mark.parametrize(("keyspace", "key"), ABSENT)
def test_what_does_not_exist_is_none(keyspace: KeySpace, key: str) -> None:
    assert keyspace.resolve(key) is None


@pytest.mark.parametrize(
    ("key", "there"),
    [
        (".zgroup", True),
        (".zarray", False),
        (".zattrs", True),
        ("image/.zgroup", False),
        ("image/.zarray", True),
        ("image/.zmetadata", False),
    ],
)
def test_a_node_has_the_documents_of_its_kind(key: str, there: bool) -> None:
    assert (document(V2, key) is not None) == there


def test_an_array_in_v2() -> None:
    assert document(V2, "image/.zarray") == {
        "zarr_format": 2,
        "shape": [100, 30],
        "chunks": [40, 30],
        "dtype": "<u2",
        "fill_value": None,
        "order": "C",
        "filters": None,
        "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
        "dimension_separator": ".",
    }
    assert document(V2, "image/.zattrs") == {"unit": "counts", "limit": None, "_ARRAY_DIMENSIONS": ["y", "x"]}


def test_an_array_in_v3() -> None:
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0}
    assert document(V3, "image/zarr.json") == {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [100, 30],
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [40, 30]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "blosc", "configuration": blosc}],
        "dimension_names": ["y", "x"],
        "attributes": {"unit": "counts", "limit": None},
    }


def test_consolidated_metadata_holds_every_document_below() -> None:
    metadata = document(V2, ".zmetadata")["metadata"]
    assert metadata[".zgroup"] == {"zarr_format": 2}
    assert metadata["levels/0/.zarray"] == document(V2, "image/.zarray")
    for key, expected in metadata.items():
        assert document(V2, key) == expected
    inline = document(V3, "zarr.json")["consolidated_metadata"]
    assert (inline["kind"], inline["must_understand"]) == ("inline", False)
    assert set(inline["metadata"]) == {key.removesuffix("/.zattrs") for key in metadata if key.endswith("/.zattrs")}
    for path, expected in inline["metadata"].items():
        found = document(V3, f"{path}/zarr.json")
        found.pop("consolidated_metadata", None)
        assert found == expected


@pytest.mark.parametrize("config", [Config(max_nodes=3), Config(max_bytes=100)], ids=["nodes", "bytes"])
def test_beyond_its_bounds_nothing_is_consolidated(config: Config) -> None:
    assert document(KeySpace(TREE, v2, config), ".zmetadata") is None
    assert "consolidated_metadata" not in document(KeySpace(TREE, v3, config), "zarr.json")


@pytest.mark.parametrize("format_", [v2, v3])
def test_a_bad_child_is_left_out_and_named(format_: ModuleType) -> None:
    keyspace = KeySpace(TREE, format_)
    group = keyspace.group("bad")
    assert [entry.name for entry in keyspace.listing(group)] == ["good"]
    header = document(keyspace, "bad/.zattrs" if format_ is v2 else "bad/zarr.json")
    reasons = header.get("attributes", header)["tiled_zarr"]["unavailable"]
    assert reasons == {
        "awkward": "awkward arrays have no shape",
        "ragged": "ragged arrays have no shape",
        "broken": "OSError: cannot read 'x.h5'",
        "wide": "Zarr has no type for numpy's float128; convert it, for example with .astype('f8')",
    }


def test_a_failure_is_raised_and_not_absence() -> None:
    with pytest.raises(OSError, match="cannot read"):
        V2.resolve("bad/broken/.zarray")


def test_a_child_that_recovers_is_named_no_longer() -> None:
    children = Children(a=OSError("away"))
    keyspace = KeySpace(Group(children=children), v2)
    assert document(keyspace, ".zattrs") == {"tiled_zarr": {"unavailable": {"a": "OSError: away"}}}
    children["a"] = SCALAR
    assert document(keyspace, ".zattrs") == {}


def test_a_group_too_large_is_listed_unopened() -> None:
    children = Children({str(i): OSError("never opened") for i in range(5)})
    keyspace = KeySpace(Group(children=children), v2, Config(max_nodes=4))
    assert [entry.name for entry in keyspace.listing(keyspace.root)] == list("01234")
    assert document(keyspace, ".zattrs") == {}
    with pytest.raises(OSError, match="never opened"):
        keyspace.resolve("3/.zarray")
    assert [entry.name for entry in keyspace.listing(keyspace.root)] == list("0124")


def test_names_that_clash_in_size_give_way() -> None:
    tall = array_node(np.zeros((7, 30)), dimension_names=("y", "x"))
    keyspace = KeySpace(Group(children={"image": IMAGE, "tall": tall}), v3)
    assert document(keyspace, "image/zarr.json")["dimension_names"] == ["y_100", "x"]
    assert document(keyspace, "tall/zarr.json")["dimension_names"] == ["y_7", "x"]


def test_options_go_down_the_tree() -> None:
    inner = Group(children={"a": IMAGE, "b": array_node(np.zeros((9, 9)))}, options=Options(codec="zstd:2", chunk_shape=(5, 5)))
    keyspace = KeySpace(Group(children={"inner": inner, "c": SCALAR}, options=Options(codec="gzip")), v2, Config(codec="none"))
    metadata = document(keyspace, ".zmetadata")["metadata"]
    assert {key: value["compressor"] for key, value in metadata.items() if key.endswith(".zarray")} == {
        "c/.zarray": {"id": "gzip", "level": 5},
        "inner/a/.zarray": {"id": "zstd", "level": 2},
        "inner/b/.zarray": {"id": "zstd", "level": 2},
    }
    assert (metadata["inner/a/.zarray"]["chunks"], metadata["inner/b/.zarray"]["chunks"]) == ([40, 30], [5, 5])


def test_what_touches_disk_is_not_done_where_it_may_not() -> None:
    keyspace = KeySpace(Group(children={"disk": Group(children={"a": SCALAR}, blocking=True), "a": SCALAR}), v2)
    assert isinstance(keyspace.find("a/0"), Chunk)
    assert isinstance(keyspace.resolve("disk/a/0"), Chunk)
    step = keyspace.find("disk/a/0")
    assert isinstance(step, Waiting)
    assert keyspace.resumed("disk/a/0", step) is keyspace.resolve("disk/a/0")


def test_an_array_alone_is_a_hierarchy() -> None:
    keyspace = KeySpace(IMAGE, v3)
    assert document(keyspace, "zarr.json")["shape"] == [100, 30]
    assert isinstance(keyspace.resolve("c/0/0"), Chunk)
    assert keyspace.group("") is None


def test_an_identity_differs_where_the_bytes_may() -> None:
    chunks = [V2.resolve("image/0.0"), V2.resolve("image/1.0"), V3.resolve("image/c/0/0"), V2.resolve("levels/0/0.0")]
    other = KeySpace(TREE, v2, Config(codec="zstd")).resolve("image/0.0")
    assert len({chunk.identity(revision) for chunk in [*chunks, other] for revision in "12"}) == 10
    assert V2.resolve("image/0.0").identity("1") == V2.resolve("image/0.0").identity("1")


@pytest.mark.parametrize("format_", [v2, v3])
@given(tree=trees(arrays().map(array_node)), data=st.data())
def test_every_node_is_found_by_the_keys_its_group_lists(format_: ModuleType, tree: Group, data: st.DataObject) -> None:
    keyspace = KeySpace(tree, format_)

    def visit(path: str, group: Group) -> None:
        listed = keyspace.listing(keyspace.group(path))
        assert {entry.name for entry in listed} == {names.wire(name, format_.FORBIDDEN) for name in group.children}
        for name, node in group.children.items():
            below = f"{path}/{names.wire(name, format_.FORBIDDEN)}".lstrip("/")
            if isinstance(node, Group):
                visit(below, node)
            else:
                assert document(keyspace, f"{below}/{'.zarray' if format_ is v2 else 'zarr.json'}")["shape"] == list(node.shape)

    visit("", tree)


@given(st.text("0123456789c./+-_~ ٣zarryjsongtupe", max_size=20))
def test_no_key_does_harm(key: str) -> None:
    for keyspace in (V2, V3):
        found = keyspace.resolve(f"image/{key}")
        if isinstance(found, Chunk):
            separator, prefix = (".", "") if keyspace is V2 else ("/", "c/")
            assert key == prefix + separator.join(map(str, found.index))


def test_an_array_reads_nothing_to_be_described() -> None:
    def read(region: object) -> np.ndarray:
        raise AssertionError("read")

    node = Array(shape=(5,), dtype=np.dtype("f8"), read=read)
    assert document(KeySpace(Group(children={"a": node}), v3), "zarr.json")["consolidated_metadata"]["metadata"]["a"]["shape"] == [5]
