"""The two kinds of node: how they are made, checked, and copied with changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest

from tiled_zarr import Array, Group, Sparse, Table, codecs
from tiled_zarr.adapters import adapt
from tiled_zarr.attributes import LeftOut
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Coordinates, Dense, Options, Revision, Stored, live

I4 = np.dtype("i4")
VALUES = np.arange(12, dtype=I4).reshape(3, 4)
REGION = (slice(0, 1), slice(0, 2))


def read(region: Any) -> np.ndarray[Any, Any]:
    return VALUES[region]


def array(**given: Any) -> Array:
    return Array(**{"shape": (3, 4), "dtype": I4, "read": read} | given)


def document(node: Array | Group, key: str = "a/zarr.json") -> Any:
    found = KeySpace(Group({"a": node}), v3 if key.endswith("zarr.json") else v2).resolve(key)
    assert found is not None
    body = found.body()  # type: ignore[union-attr]
    assert body is not None
    return json.loads(body)


def test_an_array_is_spelled_shortly() -> None:
    node = array(blocking=False, revision=lambda: "r", chunks=(1, 4), dimension_names=("y", "x"), attributes={"a": 1})
    assert isinstance(node.source, Dense)
    assert (node.read, node.source.read, node.blocking, node.is_sparse) == (read, read, False, False)
    assert (node.revision(), node.revision(None), node.revision(REGION)) == ("r", "r", "r")
    assert (node.chunks, node.dimension_names, node.attributes) == ((1, 4), ("y", "x"), {"a": 1})
    assert (array().blocking, array().revision(), array().revision(REGION)) == (True, None, None)


def test_a_sparse_array_is_one_with_another_source() -> None:
    node = Sparse((3, 4), I4, lambda: (np.zeros((2, 1), int), np.ones(1, I4)), 7, chunks=(3, 2), attributes={"a": 1})
    assert isinstance(node, Array)
    assert isinstance(node.source, Coordinates)
    assert (node.source.fill, node.blocking, node.is_sparse, node.chunks, node.attributes) == (7, True, True, (3, 2), {"a": 1})
    with pytest.raises(TypeError, match="sparse"):
        node.read(REGION)


def test_a_table_is_a_group_of_a_kind() -> None:
    node = Table({"A": array()}, attributes={"a": 1}, blocking=True)
    assert isinstance(node, Group)
    assert (node.kind, list(node.children), node.attributes, node.blocking) == ("table", ["A"], {"a": 1}, True)
    assert Table(children={}).kind == "table"
    assert Group(children={}).kind == Group({}).kind == "group"


def test_regions_may_have_revisions_of_their_own() -> None:
    node = array(revision=Revision(live, lambda region: f"{region[0].stop}"))
    assert (node.revision(), node.revision(REGION)) == (None, "1")
    assert replace(node, chunks=(1, 1)).revision(REGION) == "1"
    assert replace(node, revision=live).revision(REGION) is None


def test_nodes_are_made_again_with_changes() -> None:
    stored = Stored(codecs.parse("zstd:3"), lambda _: None)
    node = array(source=Dense(read, lambda *_: VALUES, stored, unit=(1, 1), itemsize=8), read=None, levels=[array()], mark=np.int32(7))
    same = replace(node)
    assert all(getattr(same, field.name) == getattr(node, field.name) for field in fields(Array))
    other = replace(node, read=len, blocking=False)
    assert (other.read, other.source.read_stepped, other.source.itemsize) == (len, node.source.read_stepped, 8)
    assert (other.source.stored, other.source.unit, other.blocking, other.levels) == (stored, (1, 1), False, node.levels)
    group = Table({"A": node}, kin="k")
    assert (replace(group, blocking=True).kind, replace(group, blocking=True).kin) == ("table", "k")
    with pytest.raises(FrozenInstanceError):
        node.shape = (1,)  # type: ignore[misc]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing that reads": (lambda: array(read=None), "read is a NoneType, which cannot be called"),
    "a value to read": (lambda: array(read=VALUES), "read is a ndarray, which cannot be called"),
    "a text as revision": (lambda: array(revision="1"), "revision is a str, which cannot be called"),
    "a text as revision of a group": (lambda: Group({}, revision="1"), "revision is a str, which cannot be called"),  # type: ignore[arg-type]
    "reasons that are no function": (lambda: Group({}, unavailable={}), "unavailable is a dict, which cannot be called"),  # type: ignore[arg-type]
    "levels that are no arrays": (lambda: array(levels=[VALUES]), "levels: expected Array, got ndarray"),
    "options that are none": (lambda: array(options={"codec": "zstd"}), "options: expected Options, got dict"),
    "options of a group that are none": (lambda: Group({}, options="zstd"), "options: expected Options, got str"),  # type: ignore[arg-type]
    "a kind that there is not": (lambda: Group({}, kind="file"), "a group of the kind 'file'; use one of group, folder"),  # type: ignore[arg-type]
    "a budget that is no size": (lambda: Options(tile_budget=0.5), "float"),  # type: ignore[arg-type]
    "a codec that there is not": (lambda: Stored("best", len), "'best' is not a compressor"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED)
def test_what_no_document_could_say_is_no_node(make: Callable[[], object], why: str) -> None:
    with pytest.raises((TypeError, ValueError), match=why):
        make()


def test_options_are_sizes_that_documents_can_say() -> None:
    options = Options(chunk_shape=[np.int64(2), 3])  # type: ignore[arg-type, list-item]
    assert options.chunk_shape == (2, 3)
    assert document(array(options=options), "a/.zarray")["chunks"] == [2, 3]


def test_a_stored_codec_may_be_spelled() -> None:
    stored = Stored("blosc:blosclz:5:shuffle", lambda _: None)  # type: ignore[arg-type]
    assert stored.codec == codecs.parse("blosc:blosclz:5:shuffle", stored=True)


def test_a_unit_of_other_axes_is_given_up_and_named() -> None:
    node = array(source=Dense(read, unit=(1,)))
    why = "ValueError: expected one size for each of 2 axes, got 1"
    assert (node.source.unit, node.attributes) == (None, {"tiled_zarr": {"mended": {"unit": why}}})


@pytest.mark.parametrize(("mark", "item"), [(7, np.int32(7)), ([7.0], np.int32(7)), (0.5, None), (object(), None)], ids=repr)
def test_a_mark_is_an_item_or_none(mark: Any, item: Any) -> None:
    node = array(mark=mark)
    assert (node.mark, document(node, "a/.zarray")["fill_value"]) == (item, None if item is None else int(item))


@pytest.mark.parametrize(("value", "dtype"), [([[1], [1, 2]], I4), ("\udce9", np.dtype("S3"))], ids=["rows", "text"])
def test_an_attribute_that_is_no_mark_is_shown_as_it_is(value: Any, dtype: np.dtype[Any]) -> None:
    node = array(dtype=dtype, attributes={"_FillValue": value})
    assert (node.mark, set(node.attributes), set(node.attributes["tiled_zarr"])) == (None, {"tiled_zarr"}, {"_FillValue"})
    assert document(node)["attributes"]["tiled_zarr"] == node.attributes["tiled_zarr"]


def test_a_sparse_array_has_its_mark_as_any_other() -> None:
    """xarray opens a v3 array only if `_FillValue` is spelled in its way."""
    entries = (np.zeros((2, 0), int), np.zeros(0))
    sparse, dense = (
        make(shape=(3, 4), dtype=np.dtype("f8"), attributes={"_FillValue": -1.0}, **source)
        for make, source in ((Sparse, {"entries": lambda: entries}), (Array, {"read": read}))
    )
    assert document(sparse)["attributes"] == document(dense)["attributes"]
    assert document(sparse, "a/.zarray")["fill_value"] == -1.0


def test_what_is_added_under_our_key_is_made_json_too() -> None:
    masked = np.ma.MaskedArray([1, 2], mask=[True, False], fill_value=9)
    node = adapt(masked, {"tiled_zarr": {"nan": float("nan"), "hidden": LeftOut("it cannot be read"), "\udce9": b"\xff"}})
    said = document(node)["attributes"]["tiled_zarr"]  # type: ignore[arg-type]
    assert said == {"masked": 9, "nan": None, "\\xe9": "/w==", "left_out": {"tiled_zarr/hidden": "it cannot be read"}}


def test_a_record_with_a_field_that_is_no_text_has_documents() -> None:
    node = array(dtype=np.dtype([("\udce9", "i4")]), attributes={"tiled_zarr": "mine"})
    found = KeySpace(Group({"a": node}), v2).resolve(".zmetadata")
    assert found is not None
    assert json.loads(found.body())["metadata"]["a/.zattrs"]["tiled_zarr"] == {"source": "mine", "record": ["\\xe9"]}  # type: ignore[union-attr, arg-type]
