"""Each fault of a source that once broke the documents of a whole tree.

test_hostile_nodes tests the property for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiled_zarr.hierarchy.openings
from asgi import ask
from hostile_sources import HUGE_ARRAY, HUGE_TEXT, Mute, Panic, Panicking, Torn, deep
from strategies import array_node
from tiled_zarr import Array, Group, Node
from tiled_zarr.adapters import adapt
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.attributes import Late, LeftOut, merged
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Document, KeySpace
from tiled_zarr.hierarchy.openings import reason
from tiled_zarr.nodes import Damaged, Options, Stored
from tiled_zarr.settings import Settings

GOOD = array_node(np.arange(3))


def cycle() -> list[Any]:
    found: list[Any] = [1]
    found.append(found)
    return found


def said(**attributes: Any) -> dict[str, Any]:
    """What an array with these attributes says of itself in Zarr v3, as strict JSON."""
    [document] = documents(Group(children={"a": array_node(np.arange(3), attributes=attributes)}), "a/zarr.json")
    return document["attributes"]  # type: ignore[no-any-return]


def documents(root: Node, *keys: str) -> list[dict[str, Any]]:
    """Documents of Zarr v3."""
    keyspace = KeySpace(root, v3)
    return [parsed(keyspace, key) for key in keys]


def parsed(keyspace: KeySpace, key: str) -> dict[str, Any]:
    found = keyspace.resolve(key)
    assert isinstance(found, Document)
    body = found.body()
    assert body is not None
    return json.loads(body.decode("utf-8"), parse_constant=pytest.fail)  # type: ignore[no-any-return]


def unavailable(root: Node) -> dict[str, str]:
    [document] = documents(root, "zarr.json")
    return document["attributes"].get("tiled_zarr", {}).get("unavailable", {})  # type: ignore[no-any-return]


UNSAID = {
    "a cycle": (cycle(), "it contains itself"),
    "too deep": (deep(100), "it is nested deeper than 64 levels"),
    "a huge integer": (10**5000, "an integer of 16610 bits; JSON readers read it as infinity"),
    "a mute object": (Mute(), "OSError: mute"),
    "a panic": (Panicking(), "Panic: index out of bounds"),
    "a list with one": ([1, Mute()], "OSError: mute"),
    "a huge array": (HUGE_ARRAY, "600,000 values; the attributes of one node may hold 500,000"),
    "a huge text": (HUGE_TEXT, "with it, the attributes of one node would have more than 8,388,608 characters of text"),
    "unreadable": (LeftOut("a type that HDF5 does not know"), "a type that HDF5 does not know"),
    "keys that raise": (Torn({"x": 1}, keys=["x", OSError("torn")]), "OSError: torn"),
}


@pytest.mark.parametrize(("value", "why"), UNSAID.values(), ids=UNSAID)
def test_what_cannot_be_said_is_left_out_and_named(value: Any, why: str) -> None:
    assert said(before=1, bad=value, after=2) == {"before": 1, "after": 2, "tiled_zarr": {"left_out": {"bad": why}}}


def test_what_has_no_end_is_left_out() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    found = said(before=1, bad=endless(), after=2)
    assert (found["before"], found["after"]) == (1, 2)
    assert "500,001 values" in found["tiled_zarr"]["left_out"]["bad"]
    whole = array_node(np.arange(3), attributes={"first": 0, **{str(number): endless() for number in range(9)}})
    assert whole.attributes["first"] == 0
    assert "1,000,000 values were examined" in json.dumps(whole.attributes)


def test_inside_a_mapping_one_item_is_left_out() -> None:
    found = said(start={"motor": 1.5, "bad": Mute(), "plan": {"again": cycle()}})
    assert found["start"] == {"motor": 1.5, "plan": {}}
    assert found["tiled_zarr"]["left_out"] == {"start/bad": "OSError: mute", "start/plan/again": "it contains itself"}


def test_long_doubles() -> None:
    found = said(one=np.longdouble("0.1"), more=np.array(["0.1", "nan"], np.longdouble), complex=np.clongdouble(1j))
    assert found == {"one": 0.1, "more": [0.1, None], "complex": [0.0, 1.0]}


def test_attributes_in_bulk_are_served_whole() -> None:
    """As in HDF5's dense attributes: 200,000 float64, thousands of names, 100 kB of text."""
    values = np.random.default_rng(0).random(200_000)
    found = said(big=values, text="x" * 100_000, **{f"k{i}": i for i in range(3000)})
    assert found == {"big": values.tolist(), "text": "x" * 100_000, **{f"k{i}": i for i in range(3000)}}


def test_names_that_are_spelled_alike() -> None:
    node = Array(shape=(), dtype=np.dtype("i4"), read=len, attributes={1: "a", "1": "b", "x\udcff": 1})  # type: ignore[dict-item, arg-type]
    assert node.attributes == {"1": "a", r"x\xff": 1, "tiled_zarr": {"left_out": {"1": "another key has the same text"}}}


OURS = {
    "text": ("mine", {"source": "mine"}),
    "ours": ({"axes": "yx"}, {"axes": "yx"}),
    "the table of another server": ({"axes": "yx", "unavailable": 5}, {"axes": "yx", "source": {"unavailable": 5}}),
    "a cycle": (cycle(), {"left_out": {"tiled_zarr": "it contains itself"}}),
}


@pytest.mark.parametrize(("value", "expected"), OURS.values(), ids=OURS)
def test_an_attribute_of_our_own_name_is_kept(value: Any, expected: dict[str, Any]) -> None:
    assert said(tiled_zarr=value)["tiled_zarr"] == expected
    root = Group(children=Torn({"bad": Damaged("torn")}), attributes={"tiled_zarr": value})
    [document] = documents(root, "zarr.json")
    assert document["attributes"]["tiled_zarr"] == {**expected, "unavailable": {"bad": "torn"}}
    assert ask(create_app(root, Settings(public=True)), "/").status == 200


def test_a_node_that_is_made_again_says_the_same() -> None:
    node = array_node(np.arange(3), attributes={"a": 1, "tiled_zarr": "mine", "bad": cycle()}, dimension_names=("x", "y"))
    again = array_node(np.arange(3), attributes=merged(node.attributes, {"b": 2, "tiled_zarr": {"axes": "x"}}))
    assert again.attributes == {**node.attributes, "b": 2, "tiled_zarr": {**node.attributes["tiled_zarr"], "axes": "x"}}
    assert set(node.attributes["tiled_zarr"]) == {"source", "left_out", "mended"}


MENDED = {
    "too many names": ({"dimension_names": ("x", "y")}, {"dimension_names": "ValueError: expected one name for each of 1 axes, got 2"}),
    "a number": ({"dimension_names": (1,)}, {"dimension_names": "TypeError: expected text for a name, got int"}),
    "a long name": (
        {"dimension_names": ("x" * 256,)},
        {"dimension_names": "ValueError: a name of 256 characters; at most 255 are allowed"},
    ),
    "other chunks": ({"chunks": (1, 2)}, {"chunks": "ValueError: expected one size for each of 1 axes, got 2"}),
    "no chunks": ({"chunks": (-1,)}, {"chunks": "ValueError: no array has the shape (-1,)"}),
    "no mapping": ({"attributes": ["a"]}, {"attributes": "TypeError: expected a mapping, got list"}),
}


@pytest.mark.parametrize(("fields", "mended"), MENDED.values(), ids=MENDED)
def test_what_is_said_wrongly_of_axes_is_given_up_and_named(fields: dict[str, Any], mended: dict[str, str]) -> None:
    node = Array(shape=(3,), dtype=np.dtype("i4"), read=len, **fields)  # type: ignore[arg-type]
    assert node.attributes == {"tiled_zarr": {"mended": mended}}
    [document] = documents(Group(children={"a": node}), "a/zarr.json")
    assert document["dimension_names"] == ["dim_3"]


def test_names_of_axes_are_text() -> None:
    node = Array(shape=[np.int64(2), 3], dtype="<u2", read=len, dimension_names=("\udce9", b"x"), chunks=[1, 3])  # type: ignore[arg-type]
    assert (node.shape, node.dtype, node.chunks, node.dimension_names) == ((2, 3), np.dtype("u2"), (1, 3), (r"\xe9", "x"))
    assert {type(size) for size in node.shape} == {int}


@pytest.mark.parametrize("shape", [(-1,), (2.5,), (10**400,), (1,) * 65, None])
def test_what_has_no_shape_is_no_node(shape: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Array(shape=shape, dtype=np.dtype("i4"), read=len)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [lambda: Options(codec="best"), lambda: Options(chunk_shape=(-1,)), lambda: Stored("best", len)])  # type: ignore[arg-type, return-value]
def test_options_that_no_array_can_have(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"best|shape"):
        make()


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "a listing that raises": (lambda: Group(children=Torn(keys=[OSError("torn")])), "OSError: torn"),
    "a listing that ends in an error": (lambda: Group(children=Torn({"a": GOOD}, keys=["a", OSError("torn")])), "OSError: torn"),
    "a listing without an end": (
        lambda: Group(children=Torn({str(number): GOOD for number in range(1500)}, length=2)),
        "it says that it has 2 children, and lists more than 1,002; at most 1,000,000 are listed",
    ),
    "a length that raises": (lambda: Group(children=Torn(length=OSError("torn"))), "OSError: torn"),
    "a revision that raises": (
        lambda: array_node(np.arange(3)).__class__(shape=(3,), dtype=np.dtype("i4"), read=len, revision=raising(OSError("gone"))),
        "OSError: gone",
    ),  # type: ignore[arg-type]
    "a revision with a KeyError": (lambda: Group(children={}, revision=raising(KeyError("r"))), "KeyError: 'r'"),
    "a revision that is no text": (lambda: Group(children={}, revision=lambda: 5), "its revision is a int, not a text"),  # type: ignore[arg-type, return-value]
    "late attributes that raise": (lambda: Group(children={}, attributes=Late(raising(OSError("unreadable")))), "OSError: unreadable"),
    "endless recursion": (raising(RecursionError("too deep")), "RecursionError: too deep"),
    "no memory": (raising(MemoryError()), "MemoryError"),
    "a panic": (raising(Panic("index out of bounds")), "Panic: index out of bounds"),
    "denied": (raising(KeyError("bad")), "it is listed, but cannot be opened"),
    "no node": (lambda: "text", "its group gives a str for it, which is no node"),
    "nothing": (lambda: None, "its group gives a NoneType for it, which is no node"),
    "no array": (lambda: Array(shape=(-1,), dtype=np.dtype("i4"), read=len), "ValueError: no array has the shape (-1,)"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "made anew"])
@pytest.mark.parametrize(("make", "why"), BAD.values(), ids=BAD)
def test_a_bad_child_is_named_and_its_own_keys_fail(make: Callable[[], Any], why: str, is_kept: bool) -> None:
    made = []

    def bad() -> Any:
        if not is_kept:
            return make()
        made[:] = made or [make()]
        return made[0]

    inner = Group(children=Torn({"good": GOOD, "bad": bad}))
    app = create_app(Group(children={"g": inner, "good": GOOD}, revision=lambda: "r"), Settings(public=True))
    for path in ("/zarr/v3/g/bad/zarr.json", "/zarr/v2/g/bad/.zattrs"):
        assert ask(app, path).status in (500, 503)
    for _ in range(2):
        root = json.loads(ask(app, "/zarr/v3/zarr.json").body)["consolidated_metadata"]["metadata"]
        assert set(root) == {"g", "good", "g/good"}
        assert root["g"]["attributes"]["tiled_zarr"]["unavailable"] == {"bad": why}
        v2_root = json.loads(ask(app, "/zarr/v2/.zmetadata").body)["metadata"]
        assert v2_root["g/.zattrs"]["tiled_zarr"]["unavailable"] == {"bad": why}
        for prefix in ("zarr/v2", "zarr/v3"):
            listing = json.loads(ask(app, f"/{prefix}/g/", headers={"accept": "application/json"}).body)
            assert ([child["name"] for child in listing["children"]], listing["unavailable"]) == (["good"], {"bad": why})
            assert b"<h2>Not shown</h2>" in ask(app, f"/{prefix}/g/").body
        assert b"Not shown" in ask(app, "/view/g").body
    assert ask(app, "/zarr/v3/g/good/c/0").status == 200


def test_what_is_unavailable_need_not_be_text() -> None:
    reasons = {b"\xff": None, 7: 5, "\udce9": "half \ud800\nand more", "long": "x" * 1000}
    found = unavailable(Group(children={"a": GOOD}, unavailable=lambda: reasons))  # type: ignore[arg-type, return-value]
    assert found == {r"b'\xff'": "None", "7": "5", r"\xe9": r"half \ud800 and more", "long": "x" * 299 + "…"}


@pytest.mark.parametrize("error", [OSError("away"), KeyError("x")], ids=repr)
def test_what_cannot_tell_what_is_unavailable_serves_the_rest(error: Exception) -> None:
    root = Group(children={"a": GOOD}, unavailable=raising(error))
    [document] = documents(root, "zarr.json")
    assert set(document["consolidated_metadata"]["metadata"]) == {"a"}
    assert document["attributes"]["tiled_zarr"]["unavailable"] == {"*": f"the group failed to list what is unavailable: {reason(error)}"}


def test_names_that_cannot_stand_in_a_key() -> None:
    names: list[Any] = ["good", "good", "caf\udce9", "\ud800", "n" * 1025, "é" * 600, b"x", 7]
    root = Group(children=Torn(dict.fromkeys(names, GOOD), keys=names))
    [document] = documents(root, "zarr.json")
    assert list(document["consolidated_metadata"]["metadata"]) == ["good", "caf~e9"]
    assert document["attributes"]["tiled_zarr"]["unavailable"] == {
        r"\ud800": "its name holds half of a surrogate pair, which is no text",
        "n" * 1023 + "…": "its name has 1,025 characters; 1,024 bytes fit into a URL",
        "é" * 600: "its name has 1,200 bytes of UTF-8; 1,024 fit into a URL",
        "b'x'": "its name is no text",
        "7": "its name is no text",
    }
    assert documents(root, "caf~e9/zarr.json")[0]["shape"] == [3]


def test_a_file_name_that_is_not_utf8_beside_a_reason(tmp_path: Path) -> None:
    """Links out of the folder are named as the folder has them."""
    (tmp_path / "served").mkdir()
    (tmp_path / "outside.npy").write_bytes(b"")
    (tmp_path / "served" / "caf\udce9.npy").symlink_to(tmp_path / "outside.npy")
    np.save(tmp_path / "served" / "good.npy", np.arange(3))
    app = create_app(open_directory(tmp_path / "served"), Settings(public=True))  # type: ignore[arg-type] # it is a group
    for path in ("/zarr/v2/.zattrs", "/zarr/v2/.zmetadata", "/zarr/v3/zarr.json", "/zarr/v3/", "/"):
        answer = ask(app, path, headers={"accept": "application/json"} if path.endswith("/") else {})
        assert answer.status == 200
        assert r"caf\\xe9" in answer.body.decode("utf-8")
    assert ask(app, "/").status == ask(app, "/zarr/v3/").status == ask(app, "/zarr/v3/good/c/0").status == 200


def test_a_name_stops_being_unavailable_when_its_file_goes(tmp_path: Path) -> None:
    (tmp_path / "bad.npy").write_bytes(b"no array")
    np.save(tmp_path / "good.npy", np.arange(3))
    for keyspace in (KeySpace(open_directory(tmp_path), format_) for format_ in (v2, v3)):
        document = ".zattrs" if keyspace.format is v2 else "zarr.json"
        (tmp_path / "bad.npy").write_bytes(b"no array")
        assert "bad" in json.dumps(parsed(keyspace, document))
        (tmp_path / "bad.npy").unlink()
        assert "bad" not in json.dumps(parsed(keyspace, document))


def test_names_that_nobody_lists_are_not_taken_down() -> None:
    """Anybody may ask for names; what raises for them is told to who asked alone."""

    class Children(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            raise OSError(f"no {name}")

    keyspace = KeySpace(Group(children=Children(good=GOOD)), v3)
    with pytest.raises(OSError, match="no other"):
        keyspace.resolve("other/zarr.json")
    assert "tiled_zarr" not in parsed(keyspace, "zarr.json")["attributes"]


def test_so_many_bad_children_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten.

    A document names all that were found while it was made, up to a bound.
    """
    monkeypatch.setattr(tiled_zarr.hierarchy.openings, "MOST_BAD", 5)
    bad = {f"b{number}": Damaged("torn") for number in range(8)}
    keyspace = KeySpace(Group(children={"g": Group(children=Torn(bad)), "h": Group(children=Torn(bad))}), v3)
    for key in ("g/zarr.json", "h/zarr.json", "zarr.json"):
        parsed(keyspace, key)
    kept = keyspace.places.openings._bad
    assert sum(map(len, kept.values())) == 5


def test_more_than_can_be_told_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled_zarr.hierarchy.openings, "MOST_REASONS", 3)
    found = unavailable(Group(children=Torn({f"b{number}": Damaged("torn") for number in range(8)})))
    assert found == {"b0": "torn", "b1": "torn", "b2": "torn", "*": "and 5 more"}


REASONS = {
    "an address": (OSError("<HDF5 dataset at 0x7f3a5c0d> (id 0x7f3a5c0d1100)"), "OSError: <HDF5 dataset> (id )"),
    "lines": (ValueError("one\n\n  two\x1b[0m"), "ValueError: one two [0m"),
    "a surrogate": (Damaged("caf\udce9"), r"caf\xe9"),
    "a flood": (Damaged("x" * 10**6), "x" * 299 + "…"),
    "folders": (OSError("cannot open '/data/secret/a.h5'"), "OSError: cannot open 'a.h5'"),
    "nothing": (OSError(), "OSError"),
    "no text": (OSError(Mute()), "OSError"),
}


@pytest.mark.parametrize(("error", "expected"), REASONS.values(), ids=REASONS)
def test_reasons(error: Exception, expected: str) -> None:
    assert reason(error) == expected


def test_a_mapping_of_pythons_says_all_of_it() -> None:
    """Through the adapters: a tree in memory with every kind of bad value beside a good one."""
    tree: dict[Any, Any] = {"good": np.arange(3), "ragged": object(), 7: np.arange(2), "wide": np.zeros(2, np.longdouble)}
    tree["loop"] = tree
    reasons = unavailable(adapt({**tree, "loop": {}}))
    assert set(reasons) == {"ragged", "7", "wide"}


def test_a_field_whose_name_is_no_text_has_an_alias() -> None:
    """No record type can spell it; as a child of a group it has an alias, like others."""
    tree = adapt({"record": np.zeros(2, [("\udce9", "i4")])})
    assert isinstance(tree, Group)
    keyspace = KeySpace(tree, v3)
    assert parsed(keyspace, "record/~e9/zarr.json")["data_type"] == "int32"
    assert parsed(keyspace, "record/zarr.json")["attributes"] == {"tiled_zarr": {"record": [r"\xe9"]}}
