from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zarr

from tiled_zarr import Array, Group
from tiled_zarr.adapters import adapt, registry
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.steps import walk
from tiled_zarr.nodes import Damaged, Options
from tiled_zarr.settings import Mount, Settings, SettingsError
from tiled_zarr.tree import configured, plant

DATA = {"a": np.arange(3), "b": {"c": np.zeros((2, 2)), "d": {"e": np.arange(4)}}}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An importable module `served` with something of every kind in it."""
    made = ModuleType("served")
    made.tree = DATA  # type: ignore[attr-defined]
    made.make = lambda: DATA  # type: ignore[attr-defined]
    made.array = np.arange(5)  # type: ignore[attr-defined]
    made.inner = SimpleNamespace(tree=DATA)  # type: ignore[attr-defined]
    made.thing = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "served", made)
    return made


def settings(*mounts: Mount) -> Settings:
    return Settings(trees=mounts)


def pyobject(target: str = "served:tree", path: str = "", **options: Any) -> Mount:
    return Mount(path=path, source="pyobject", target=target, **options)


def paths(group: Group, prefix: str = "") -> list[str]:
    """The paths of all arrays."""
    found = []
    for name, node in group.children.items():
        found += paths(node, f"{prefix}{name}/") if isinstance(node, Group) else [prefix + name]
    return found


def test_demo() -> None:
    assert "nested" in plant(Settings()).root.children


@pytest.mark.parametrize("target", ["served:tree", "served:make", "served:inner.tree"])
@pytest.mark.usefixtures("module")
def test_python_object(target: str) -> None:
    assert paths(plant(settings(pyobject(target))).root) == ["a", "b/c", "b/d/e"]


@pytest.mark.usefixtures("module")
def test_what_is_no_group_becomes_a_child() -> None:
    assert paths(plant(settings(pyobject("served:array"))).root) == ["array"]


def test_modules_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("import numpy\ntree = {'x': numpy.arange(2)}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "only_here", raising=False)
    assert paths(plant(settings(pyobject("only_here:tree"))).root) == ["x"]
    assert sys.path.count(str(tmp_path)) == 1


NOWHERE = {
    "no colon": ("served", "expected MODULE:NAME"),
    "no name": ("served:", "expected MODULE:NAME"),
    "no module": (":tree", "expected MODULE:NAME"),
    "unknown module": ("no_such_module:tree", "there is no module 'no_such_module'"),
    "unknown package": ("no_such_package.module:tree", "there is no module 'no_such_package'"),
    "unknown name": ("served:nothing", "has no attribute 'nothing'"),
    "nothing to show": ("served:thing", "served:thing: no adapter for builtins.object"),
}


@pytest.mark.parametrize(("target", "message"), NOWHERE.values(), ids=NOWHERE)
@pytest.mark.usefixtures("module")
def test_objects_that_are_not_there(target: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plant(settings(pyobject(target)))


@pytest.mark.usefixtures("module")
def test_a_package_that_is_missing_is_said_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, resources: object) -> None:
        raise Damaged("the adapter needs the package 'dask', which is not installed")

    monkeypatch.setattr(registry, "_adapt", refuse)
    with pytest.raises(SettingsError, match="served:thing: the adapter needs the package 'dask'"):
        plant(settings(pyobject("served:thing")))


def test_a_module_that_lacks_another_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lacking.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        plant(settings(pyobject("lacking:tree")))


def test_directory(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    (tmp_path / "below").mkdir()
    np.save(tmp_path / "below" / "y.npy", np.arange(3))
    seen: list[Path] = []
    tree = plant(settings(Mount(source="directory", target=str(tmp_path))), on_file=seen.append)
    assert sorted(paths(tree.root)) == ["below/y", "x"]
    assert sorted(path.name for path in seen) == ["x.npy", "y.npy"]


def test_text_tables_are_read_as_it_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    mount = Mount(source="directory", target=str(tmp_path), csv={"header": False})
    assert sorted(paths(plant(settings(mount)).root)) == ["t/0", "t/1"]


def test_a_directory_that_is_an_array_becomes_a_child(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "x.zarr", np.arange(3))
    assert paths(plant(settings(Mount(source="directory", target=str(tmp_path / "x.zarr")))).root) == ["x.zarr"]


def test_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"nothing is not a directory$"):
        plant(settings(Mount(source="directory", target=str(tmp_path / "nothing"))))
    with pytest.raises(SettingsError, match="file is not a directory; serve the directory that holds it"):
        plant(settings(Mount(source="directory", target=str(tmp_path / "file"))))


@pytest.mark.usefixtures("module")
def test_trees_hang_at_their_paths() -> None:
    tree = plant(settings(pyobject(path="one"), pyobject("served:array", "two/deep"), pyobject(path="two/other")))
    assert paths(tree.root) == ["one/a", "one/b/c", "one/b/d/e", "two/deep/array", "two/other/a", "two/other/b/c", "two/other/b/d/e"]


@pytest.mark.parametrize("pair", [("", ""), ("", "a"), ("a", "a"), ("a", "a/b"), ("a/b/c", "a")])
@pytest.mark.usefixtures("module")
def test_trees_do_not_hang_inside_each_other(pair: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match="is inside the tree at /"):
        plant(settings(*(pyobject(path=path) for path in pair)))


@pytest.mark.usefixtures("module")
def test_paths_that_begin_alike_are_apart() -> None:
    assert list(plant(settings(pyobject(path="a"), pyobject(path="ab"), pyobject(path="a-b"))).root.children) == ["a", "ab", "a-b"]


def test_tasks_of_all_trees(module: ModuleType) -> None:
    class Carrying(dict[str, Any]):
        def __init__(self, name: str) -> None:
            super().__init__(x=np.arange(2))
            self.startup_tasks, self.background_tasks, self.shutdown_tasks = [f"{name} start"], [f"{name} run"], [f"{name} stop"]

    module.one, module.two = Carrying("one"), Carrying("two")  # type: ignore[attr-defined]
    tasks = plant(settings(pyobject("served:one", "one"), pyobject("served:tree", "plain"), pyobject("served:two", "two"))).tasks
    assert (tasks.startup, tasks.background, tasks.shutdown) == (
        ["one start", "two start"],
        ["one run", "two run"],
        ["one stop", "two stop"],
    )


def at(group: Group, path: str) -> Any:
    """The node at a path."""
    node: Any = group
    for name in path.split("/") if path else []:
        node = node.children[name]
    return node


def options_at(group: Group, path: str) -> tuple[str | None, tuple[int, ...] | None]:
    options = at(group, path).options
    return options.codec, options.chunk_shape


def with_nodes(nodes: Mapping[str, Options], tree: Options | None = None, root: Any = None) -> Group:
    node = configured(root or adapt(DATA), Mount(options=tree or Options(), nodes=nodes))
    assert isinstance(node, Group)
    return node


def test_options_of_nodes() -> None:
    group = with_nodes(
        {"a": Options(codec="none"), "b/d": Options(chunk_shape=(2,)), "b/d/e": Options(codec="zstd")}, Options(codec="gzip")
    )
    found = {path: options_at(group, path) for path in ("", "a", "b", "b/c", "b/d", "b/d/e")}
    assert found == {
        "": ("gzip", None),
        "a": ("none", None),
        "b": (None, None),
        "b/c": (None, None),
        "b/d": (None, (2,)),
        "b/d/e": ("zstd", None),
    }


def test_a_node_keeps_its_own_options_unless_it_is_named() -> None:
    own = Array(shape=(3,), dtype=np.dtype("i4"), read=lambda region: np.arange(3)[region], options=Options(codec="none", chunk_shape=(1,)))
    group = Group(children={"x": own, "y": own}, options=Options(codec="lz4"))
    changed = with_nodes({"x": Options(codec="gzip"), "nothing": Options(), "y/below": Options(codec="zstd")}, Options(codec="zstd"), group)
    assert options_at(changed, "") == ("lz4", None)
    assert options_at(changed, "x") == ("gzip", (1,))
    assert options_at(changed, "y") == ("none", (1,))


def test_options_of_fields() -> None:
    """A record's options hold for its fields, but do not cut their own axes; a field's own win."""
    record = adapt(np.zeros(9, [("a", "i4"), ("v", "f4", 3)]))
    group = with_nodes(
        {"r": Options(codec="gzip", chunk_shape=(4,)), "r/v": Options(chunk_shape=(4, 1))}, root=Group(children={"r": record})
    )
    assert (options_at(group, "r/a"), options_at(group, "r/v")) == (("gzip", (4,)), ("gzip", (4, 1)))
    keyspace = KeySpace(group, v3)
    assert [at(group, path) is walk(keyspace.places, keyspace.start(path)).place.node for path in ("r", "r/v")] == [True, True]


def test_nothing_chosen_changes_nothing() -> None:
    group = adapt(DATA)
    assert isinstance(group, Group)
    assert with_nodes({}, root=group).children is group.children


def test_children_with_options_are_still_the_mapping() -> None:
    node = adapt(DATA)
    assert isinstance(node, Group)
    group = with_nodes({"a": Options(codec="none")}, root=node)
    assert list(group.children) == ["a", "b"]
    assert len(group.children) == 2
    assert "a" in group.children
    assert "x" not in group.children
    assert group.children["b"] is node.children["b"]
    assert group.children["a"] is group.children["a"], "what is kept by node stays kept"
    with pytest.raises(KeyError):
        group.children["x"]


def test_a_child_that_was_replaced_is_configured_anew() -> None:
    children = {"x": adapt(np.arange(1))}
    group = with_nodes({"x": Options(codec="none")}, root=Group(children=children))
    assert at(group, "x").shape == (1,)
    children["x"] = adapt(np.arange(2))
    assert (at(group, "x").shape, options_at(group, "x")) == ((2,), ("none", None))


class Rootless(Mapping[str, Any]):
    """A container of Tiled's that cannot tell its metadata, or its names."""

    structure_family = "container"

    def __init__(self, fails: str) -> None:
        self._fails = fails

    def metadata(self) -> dict[str, Any]:
        if self._fails == "metadata":
            raise ConnectionError("the catalog in /srv/secret/catalog.db does not answer")
        return {}

    def __iter__(self) -> Iterator[str]:
        raise ConnectionError("the catalog in /srv/secret/catalog.db does not answer")

    def __len__(self) -> int:
        return 1

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)


@pytest.mark.parametrize("fails", ["metadata", "listing"])
def test_a_root_that_cannot_be_read_is_a_message_at_start(module: ModuleType, fails: str) -> None:
    module.tree = Rootless(fails)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=r"^served:tree: ConnectionError: the catalog in catalog\.db does not answer$"):
        plant(settings(pyobject()))
