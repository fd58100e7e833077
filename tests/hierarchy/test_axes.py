"""Names of axes in documents.

Those of sources stay as they are, and any tree opens in xarray if its sources do.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from itertools import count
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

from strategies import array_node
from tiled_zarr import Array, Group, Node
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.documents import Rendered
from tiled_zarr.hierarchy.keyspace import Document, KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.hierarchy.places import is_assembled
from tiled_zarr.nodes import Kind

FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
Names: TypeAlias = dict[str, list[str]]
"""Names of the axes of arrays, by path."""


def array(*shape: int, names: str | tuple[str | None, ...] | None = None) -> Array:
    return array_node(np.zeros(shape), dimension_names=None if names is None else tuple(names))


def source(**children: Node) -> Group:
    """What one file or Dataset holds."""
    return Group(children=children, revision=lambda: "1", kind="source")


def folder(**children: Node) -> Group:
    return Group(children=children, revision=lambda: "1", kind="folder")


def arrays(node: Node, path: str = "") -> Iterator[tuple[str, Array]]:
    if isinstance(node, Array):
        yield path, node
    elif isinstance(node, Group):
        for name, child in node.children.items():
            yield from arrays(child, f"{path}/{name}".lstrip("/"))


def sources(node: Node, path: str = "") -> Iterator[tuple[str, Group]]:
    """The topmost groups that are sources."""
    if isinstance(node, Group) and not is_assembled(node):
        yield path, node
    elif isinstance(node, Group):
        for name, child in node.children.items():
            yield from sources(child, f"{path}/{name}".lstrip("/"))


def own(root: Node) -> Names:
    """The names that arrays have of their own, phony ones for axes without."""
    return {
        path: [name or phony for name, phony in zip(node.dimension_names or (None,) * len(node.shape), phonies(node.shape), strict=True)]
        for path, node in arrays(root)
    }


def phonies(shape: tuple[int, ...]) -> list[str]:
    before = [shape[:axis].count(size) for axis, size in enumerate(shape)]
    return [f"dim_{size}_{seen}" if seen else f"dim_{size}" for size, seen in zip(shape, before, strict=True)]


def document(keys: KeySpace, key: str) -> dict[str, Any]:
    found = keys.resolve(key.lstrip("/"))
    assert isinstance(found, Document)
    return json.loads(found.body() or b"{}")  # type: ignore[no-any-return]


def singly(keys: KeySpace, paths: list[str]) -> Names:
    """What the documents of arrays say."""
    if keys.format is v2:
        return {path: document(keys, f"{path}/.zattrs")["_ARRAY_DIMENSIONS"] for path in paths}
    return {path: document(keys, f"{path}/zarr.json")["dimension_names"] for path in paths}


def together(keys: KeySpace, path: str = "") -> Names | None:
    """What the consolidated metadata of a group say of the arrays below it, if there are any."""
    if keys.format is v2:
        found = document(keys, f"{path}/.zmetadata").get("metadata")
        names = {
            key.removesuffix("/.zattrs"): said.get("_ARRAY_DIMENSIONS") for key, said in (found or {}).items() if key.endswith("/.zattrs")
        }
    else:
        found = document(keys, f"{path}/zarr.json").get("consolidated_metadata", {}).get("metadata")
        names = {key: said.get("dimension_names") for key, said in (found or {}).items()}
    return None if found is None else {f"{path}/{key}".lstrip("/"): said for key, said in names.items() if said is not None}


def datasets(root: Group, names: Names, path: str = "") -> dict[str, xarray.Dataset]:
    """What xarray makes of each group, no two indexes alike. Raises ValueError if it cannot."""
    numbers, found = count(), {}
    waiting: list[tuple[str, Group]] = [(path, root)]
    while waiting:
        at, group = waiting.pop()
        below = {name: (f"{at}/{name}".lstrip("/"), child) for name, child in group.children.items()}
        shapes = {name: (names[place], child.shape) for name, (place, child) in below.items() if isinstance(child, Array)}
        found[f"/{at.removeprefix(path).lstrip('/')}"] = xarray.Dataset(
            {name: xarray.Variable(dims, np.full(shape, float(next(numbers)))) for name, (dims, shape) in shapes.items()}
        )
        waiting += [(place, child) for place, child in below.values() if isinstance(child, Group)]
    return found


def opens(root: Group, names: Names, path: str = "") -> bool:
    """Whether xarray makes a tree of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are alike in one array
        try:
            xarray.DataTree.from_dict(datasets(root, names, path))
        except (ValueError, KeyError):  # a KeyError where a group is called like a variable
            return False
    return True


TREES: dict[str, tuple[Group, Names]] = {
    "loose arrays of one size": (folder(a=array(5, 4, names="yx"), b=array(5, names="y")), {"a": ["y", "x"], "b": ["y"]}),
    "loose arrays of two sizes": (folder(a=array(5, 4, names="yx"), b=array(6, names="y")), {"a": ["y_5", "x"], "b": ["y_6"]}),
    "a picture above a file": (
        folder(picture=array(9, 8, names="yx"), file=source(y=array(5, names="y"), t=array(5, 4, names="yx"))),
        {"picture": ["y_9", "x_8"], "file/y": ["y"], "file/t": ["y", "x"]},
    ),
    "pictures beside and below": (
        folder(a=array(9, names="y"), below=folder(b=array(9, names="y"), empty=folder(c=array(7, names="y")))),
        {"a": ["y_9"], "below/b": ["y_9"], "below/empty/c": ["y"]},
    ),
    "what gives way below is in nobody's way": (
        folder(a=array(9, names="y"), below=folder(b=array(9, names="y"), c=array(7, names="y"))),
        {"a": ["y"], "below/b": ["y_9"], "below/c": ["y_7"]},
    ),
    "an index above another": (
        folder(t=array(5, names="t"), a=array(5, names="t"), file=source(t=array(5, names="t"))),
        {"t": ["t_5"], "a": ["t_5"], "file/t": ["t"]},
    ),
    "an index above an axis of its size": (
        folder(t=array(5, names="t"), file=source(a=array(5, names="t"))),
        {"t": ["t"], "file/a": ["t"]},
    ),
    "an index above a group of its name": (
        folder(t=array(5, names="t"), below=folder(t=source(a=array(3)))),
        {"t": ["t_5"], "below/t/a": ["dim_3"]},
    ),
    "two files": (
        folder(a=source(t=array(5, names="t")), b=source(t=array(6, names="t"))),
        {"a/t": ["t"], "b/t": ["t"]},
    ),
    "a file whose own groups clash": (
        folder(file=source(a=array(5, names="t"), g=source(b=array(6, names="t")))),
        {"file/a": ["t"], "file/g/b": ["t"]},
    ),
    "a mapping in a file is part of it": (
        folder(file=source(a=array(5, names="t"), g=folder(b=array(6, names="t")))),
        {"file/a": ["t"], "file/g/b": ["t"]},
    ),
    "a group of a file that does not open": (
        folder(file=source(a=array(5, names="t"), b=array(6, 2, names="tx"))),
        {"file/a": ["t_5"], "file/b": ["t_6", "x"]},
    ),
    "xarray's phony names below phony ones": (
        folder(a=array(1, 4), file=source(b=array(3, 6, names=("dim_0", "dim_1")))),
        {"a": ["dim_1", "dim_4"], "file/b": ["dim_0", "dim_6"]},
    ),
    "xarray's phony names below others": (
        folder(a=array(2, 4), file=source(b=array(3, 6, names=("dim_0", "dim_1")))),
        {"a": ["dim_2", "dim_4"], "file/b": ["dim_0", "dim_1"]},
    ),
    "levels of an image": (
        folder(
            a=array(8, names="y"),
            image=Group(children={"0": array(8, names="y"), "1": array(4, names="y")}, attributes={"multiscales": []}, kind="source"),
        ),
        {"a": ["y_8"], "image/0": ["y"], "image/1": ["y"]},
    ),
}


@FORMATS
@pytest.mark.parametrize(("root", "expected"), TREES.values(), ids=TREES)
def test_names(format_: ModuleType, root: Group, expected: Names) -> None:
    assert singly(KeySpace(root, format_), [*expected]) == expected
    assert together(KeySpace(root, format_)) == expected


@FORMATS
@pytest.mark.parametrize(("root", "expected"), TREES.values(), ids=TREES)
def test_a_tree_opens_if_its_sources_do(format_: ModuleType, root: Group, expected: Names) -> None:
    names = singly(KeySpace(root, format_), [*expected])
    assert opens(root, names) == all(opens(child, names, path) for path, child in sources(root))


letters = st.sampled_from(["x", "y", "dim_1", "dim_2", "y_2", None])
leaves = st.lists(st.integers(0, 3), max_size=2).flatmap(
    lambda shape: st.builds(lambda names: array(*shape, names=names), st.none() | st.tuples(*[letters for _ in shape]))
)


def groups(inner: st.SearchStrategy[Node], *, kind: Kind) -> st.SearchStrategy[Group]:
    """Groups whose children have the names of axes.

    A scalar gets no phony name here: xarray could not open its group, since the phony names of axes
    around it do not give way.
    """
    names = st.sampled_from(["x", "y", "a", "dim_2", "y_2"])
    return st.dictionaries(names, inner, max_size=4).map(
        lambda children: Group(
            children={name.replace("dim", "d") if getattr(child, "shape", None) == () else name: child for name, child in children.items()},
            revision=lambda: "1",
            kind=kind,
        )
    )


files = groups(leaves | groups(leaves, kind="source"), kind="source")
trees = groups(st.recursive(leaves | files, lambda inner: groups(inner, kind="folder"), max_leaves=8), kind="folder")


@FORMATS
@given(root=trees)
def test_any_tree(format_: ModuleType, root: Group) -> None:
    keys = KeySpace(root, format_)
    names = singly(keys, [path for path, _ in arrays(root)])
    assert together(KeySpace(root, format_)) == names
    for path, _ in sources(root):
        assert together(keys, path) == {at: said for at, said in names.items() if at.startswith(f"{path}/")}
    assert opens(root, names) == all(opens(group, names, path) for path, group in sources(root))
    assert datasets(root, names)  # each group opens


@FORMATS
@given(root=files)
def test_a_source_that_opens_is_not_changed(format_: ModuleType, root: Group) -> None:
    names = own(root)
    are_distinct = all(len(set(said)) == len(said) for said in names.values())
    served = singly(KeySpace(root, format_), [*names])
    if are_distinct and opens(root, names):
        for path, node in arrays(root):
            assert all(
                name in {None, said} for name, said in zip(node.dimension_names or (), served[path], strict=bool(node.dimension_names))
            )


@FORMATS
@given(root=trees, most=st.integers(1, 12))
def test_any_tree_too_large_to_be_looked_at(format_: ModuleType, root: Group, most: int) -> None:
    """What one document says, any other says, and no name is null or there twice."""
    config = Config(max_nodes=most)
    names = singly(KeySpace(root, format_, config), [path for path, _ in arrays(root)])
    assert all(all(said) and len(set(said)) == len(said) for said in names.values())
    for path in ["", *(path for path, _ in sources(root))]:
        found = together(KeySpace(root, format_, config), path)
        assert found is None or all(names[at] == said for at, said in found.items())


class Changing(dict[str, Node]):
    """Children that are exchanged, and the revision of their group."""

    revision = 0

    def put(self, name: str, node: Node) -> None:
        self[name] = node
        self.revision += 1

    def group(self, *, blocking: bool = False) -> Group:
        return Group(children=self, revision=lambda: str(self.revision), blocking=blocking, kind="folder")


@FORMATS
def test_a_document_that_is_kept_follows_what_lies_below(format_: ModuleType) -> None:
    lowest = Changing(b=array(5, names="y"))
    keys = KeySpace(folder(a=array(5, names="y"), below=folder(lowest=lowest.group())), format_)
    for size, expected in ((5, "y"), (6, "y_5"), (5, "y")):
        lowest.put("b", array(size, names="y"))
        for _ in range(2):
            assert singly(keys, ["a"]) == {"a": [expected]}
            assert together(keys) == {"a": [expected], "below/lowest/b": ["y"]}


@FORMATS
def test_a_document_of_what_nobody_can_tell_to_change_is_made_anew(format_: ModuleType) -> None:
    below: dict[str, Node] = {"b": array(5, names="y")}
    keys = KeySpace(folder(a=array(5, names="y"), below=Group(children=below, kind="folder")), format_)
    assert singly(keys, ["a"]) == {"a": ["y"]}
    below["b"] = array(6, names="y")
    assert singly(keys, ["a"]) == {"a": ["y_5"]}


@FORMATS
def test_names_of_a_source_follow_loose_arrays_above(format_: ModuleType) -> None:
    top = Changing(file=source(b=array(3, names=("dim_1",))), a=array(2))
    keys = KeySpace(top.group(), format_)
    for size, expected in ((2, "dim_1"), (1, "dim_3"), (2, "dim_1")):
        top.put("a", array(size))
        assert singly(keys, ["file/b"]) == {"file/b": [expected]}


@FORMATS
def test_what_is_decided_is_decided_once(format_: ModuleType) -> None:
    class Counted(Changing):
        opened = 0

        def __getitem__(self, name: str) -> Node:
            self.opened += 1
            return super().__getitem__(name)

    below = Counted({f"b{number}": array(5, names="y") for number in range(50)})
    paths = [f"a{number}" for number in range(50)]
    keys = KeySpace(folder(below=below.group(), **{path: array(5, names="y") for path in paths}), format_)
    singly(keys, paths)
    assert below.opened == 50


@FORMATS
def test_above_what_is_too_large_loose_arrays_give_way(format_: ModuleType) -> None:
    root = folder(a=array(5, names="y"), below=folder(b=array(5, names="y"), **{f"c{number}": array(1) for number in range(9)}))
    assert singly(KeySpace(root, format_, Config(max_nodes=20)), ["a", "below/b"]) == {"a": ["y"], "below/b": ["y"]}
    assert singly(KeySpace(root, format_, Config(max_nodes=11)), ["a", "below/b"]) == {"a": ["y_5"], "below/b": ["y"]}
    assert singly(KeySpace(root, format_, Config(max_nodes=5)), ["a", "below/b"]) == {"a": ["y_5"], "below/b": ["y_5"]}


def test_a_source_too_large_to_be_opened_keeps_its_names() -> None:
    root = folder(file=source(**{f"a{number}": array(5, names="y") for number in range(9)}))
    assert singly(KeySpace(root, v3, Config(max_nodes=5)), ["file/a0"]) == {"file/a0": ["y"]}


@FORMATS
def test_what_lies_below_is_not_looked_at_in_the_event_loop(format_: ModuleType) -> None:
    blocking = Changing(b=array(6, names="y"))
    keys = KeySpace(folder(a=array(5, names="y"), c=array(5), below=blocking.group(blocking=True)), format_)
    quick = KeySpace(folder(a=array(5, names="y"), b=array(5, names="y")), format_)
    name = ".zattrs" if format_ is v2 else "zarr.json"
    assert at_hand(keys, f"c/{name}")
    assert at_hand(keys, f"a/{name}") is None
    singly(keys, ["a"])
    assert at_hand(keys, f"a/{name}") is None
    singly(quick, ["a"])
    assert at_hand(quick, f"b/{name}")


def at_hand(keys: KeySpace, key: str) -> Rendered | None:
    """A document in the event loop; None if that would have to wait."""
    found = keys.find(key)
    assert isinstance(found, Document)
    return found.at_hand()


@FORMATS
def test_a_child_that_fails_takes_no_part(format_: ModuleType) -> None:
    class Failing(Changing):
        def __getitem__(self, name: str) -> Node:
            if name == "bad":
                raise OSError("disk")
            return super().__getitem__(name)

    below = Failing(b=array(5, names="y"), bad=array(6, names="y"))
    keys = KeySpace(folder(a=array(5, names="y"), below=below.group()), format_)
    assert singly(keys, ["a"]) == {"a": ["y"]}
    assert together(keys) == {"a": ["y"], "below/b": ["y"]}
