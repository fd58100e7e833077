"""Settings -> the tree that is served: demo, directory or Python object, several of them mounted at paths."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from . import records
from .hierarchy.openings import reason
from .nodes import Group, Node, Options, Table, Unavailable
from .revisions import launch_nonce
from .settings import Mount, Settings, SettingsError

Task: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """What a tree wants run in the event loop: before the first request, all along, and after the last one."""

    startup: Sequence[Task] = ()
    background: Sequence[Task] = ()
    shutdown: Sequence[Task] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The root of what is served, and its tasks."""

    root: Group
    tasks: Tasks


def ignored(_: str, __: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told of every file that is indexed, and how many files of a suffix no adapter knows, for each folder."""

    on_file: Callable[[Path], None] | None = None
    on_unknown: Callable[[str, int], None] = ignored


def plant(settings: Settings, on_file: Callable[[Path], None] | None = None, on_unknown: Callable[[str, int], None] = ignored) -> Tree:
    """The tree that the settings describe; with `on_file` directories are indexed now, as Watcher says. Raises SettingsError."""
    from .adapters.hdf5.library import LIBRARY

    LIBRARY.answer_within(settings.read_timeout)
    check_paths([mount.path for mount in settings.trees])
    watcher = Watcher(on_file, on_unknown)
    sources = [source_of(mount, watcher) for mount in settings.trees]
    nodes = {mount.path: configured(node, mount) for mount, (node, _) in zip(settings.trees, sources, strict=True)}
    return Tree(root=grafted(nodes), tasks=tasks_of([source for _, source in sources]))


def check_paths(paths: list[str]) -> None:
    """Raises SettingsError where one tree would hang inside another."""
    parts = sorted(tuple(path.split("/")) if path else () for path in paths)
    for above, below in pairwise(parts):
        if below[: len(above)] == above:
            raise SettingsError(f"trees: /{'/'.join(below)} lies inside the tree at /{'/'.join(above)}; give each a path of its own")


def source_of(mount: Mount, watcher: Watcher) -> tuple[Node, object]:
    """The node of a mount, and the object behind it."""
    match mount.source:
        case "demo":
            from . import demo

            return demo.tree(), None
        case "directory":
            return directory(Path(mount.target), watcher, mount.csv), None
        case "pyobject":
            return python_object(mount.target)


def directory(path: Path, watcher: Watcher, csv: Mapping[str, Any]) -> Group:
    """The group of a folder whose text tables are written as `csv` says. Raises SettingsError where there is none, or it cannot be read."""
    from .adapters.common.choices import TextChoice
    from .adapters.directory.open import open_directory

    try:
        if not path.is_dir():
            raise SettingsError(f"{path} is no directory" + ("; serve the directory that holds it" if path.exists() else ""))
        found = open_directory(path, on_file=watcher.on_file, on_unknown=watcher.on_unknown, tables=TextChoice(**csv))
        return as_group(found, path.resolve().name)
    except (OSError, Unavailable) as error:
        raise SettingsError(f"the directory {path} cannot be served: {why(error)}") from error


def why(error: Exception) -> str:
    """An error in words, with what to do about rights."""
    denied = "; let the user that runs the server read and search it (chmod u+rx)" if isinstance(error, PermissionError) else ""
    return f"{getattr(error, 'strerror', None) or error}{denied}"


def python_object(spelling: str) -> tuple[Group, object]:
    """The node of the object that `module:name` spells, and the object."""
    from .adapters.memory.mapping import adapt_mapping
    from .adapters.registry import adapt

    source = found(spelling)
    node = started(lambda: adapt(source), spelling)
    name = spelling.rpartition(":")[2]
    return node if isinstance(node, Group) else adapt_mapping({name: source}), source


def started(make: Callable[[], Node], spelling: str) -> Node:
    """The root that `make` returns, asked for its revision and its first name. Raises SettingsError where any of this fails."""
    try:
        node = make()
        node.revision()
        if isinstance(node, Group | Table):
            next(iter(node.children), None)
    except Exception as error:
        raise SettingsError(f"{spelling}: {reason(error)}") from error
    return node


def as_group(node: Node, name: str) -> Group:
    """The node if it is a group, else one that has it as its only child."""
    return node if isinstance(node, Group) else Group(children={name: node}, revision=launch_nonce)


def found(spelling: str) -> object:
    """The object that `module:name` spells, or what it returns if it can be called. The current folder is searched as well."""
    module_name, _, name = spelling.partition(":")
    if not module_name or not name:
        raise SettingsError(f"{spelling!r}: expected MODULE:NAME, like tiled.examples.generated:tree")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        source: object = reduce(getattr, name.split("."), importlib.import_module(module_name))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise SettingsError(f"{spelling}: there is no module {error.name!r} in {Path.cwd()} or among the installed ones") from error
    except AttributeError as error:
        raise SettingsError(f"{spelling}: {error}") from error
    return source() if callable(source) else source


def tasks_of(sources: list[object]) -> Tasks:
    """The tasks that Tiled's trees carry, of all sources together."""

    def gathered(name: str) -> list[Task]:
        return [task for source in sources for task in getattr(source, name, ())]

    return Tasks(startup=gathered("startup_tasks"), background=gathered("background_tasks"), shutdown=gathered("shutdown_tasks"))


def grafted(nodes: Mapping[str, Node]) -> Group:
    """One group with every node at its path."""
    children: dict[str, dict[str, Node]] = {}
    for path, node in nodes.items():
        if not path:
            assert isinstance(node, Group)
            return node
        name, _, rest = path.partition("/")
        children.setdefault(name, {})[rest] = node
    grown = {name: below[""] if "" in below else grafted(below) for name, below in children.items()}
    return Group(children=grown, revision=launch_nonce)


def configured(node: Node, mount: Mount) -> Node:
    """The node served with the options of a mount, which win over its own only for the nodes that they name."""
    whole = replace(node, options=over(node.options, mount.options))
    return with_options(whole, mount.nodes) if mount.nodes else whole


def with_options(node: Node, chosen: Mapping[str, Options]) -> Node:
    """The node with options at some of the paths at and below it; "" is the node itself."""
    below = {path: options for path, options in chosen.items() if path}
    whole = replace(node, options=over(chosen.get("", Options()), node.options))
    shown = records.shown(whole) if below else whole
    return replace(shown, children=Configured(shown.children, below)) if below and isinstance(shown, Group | Table) else shown


def over(first: Options, second: Options) -> Options:
    """The first options, with what they leave open taken from the second."""
    return Options(
        codec=first.codec or second.codec,
        chunk_shape=first.chunk_shape or second.chunk_shape,
        tile_budget=first.tile_budget or second.tile_budget,
    )


class Configured(Mapping[str, Node]):
    """Children of a group, some of them with options; each stays the same object as long as the child behind it does."""

    def __init__(self, children: Mapping[str, Node], chosen: Mapping[str, Options]) -> None:
        self._children = children
        self._chosen: dict[str, dict[str, Options]] = {}
        for path, options in chosen.items():
            name, _, rest = path.partition("/")
            self._chosen.setdefault(name, {})[rest] = options
        self._kept: dict[str, tuple[Node, Node]] = {}

    def __getitem__(self, name: str) -> Node:
        child = self._children[name]
        if name not in self._chosen:
            return child
        kept = self._kept.get(name)
        if kept is None or kept[0] is not child:
            kept = self._kept[name] = child, with_options(child, self._chosen[name])
        return kept[1]

    def __contains__(self, name: object) -> bool:
        return name in self._children

    def __iter__(self) -> Iterator[str]:
        return iter(self._children)

    def __len__(self) -> int:
        return len(self._children)
