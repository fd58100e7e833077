"""Builds the tree that the settings describe.

It is the demo, a directory, an address of objects, a Python object, a catalog of Tiled's or a Tiled
server, or several of these mounted at paths.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from . import extras
from .adapters.common.single import Mounted, Single, is_root
from .adapters.common.watchers import Watcher, ignored
from .adapters.directory.alone import Alone
from .clusters.executor import Executor
from .hierarchy.openings import reason
from .imported import called, found, named
from .nodes import Array, Busy, Forbidden, Group, Node, Unavailable
from .outlines import Outline
from .resources import Resources
from .revisions import launch_nonce
from .settings import Mount, Settings, SettingsError
from .settings.arguments import stem
from .settings.directories import of_objects
from .tiers import shared
from .views.options import with_options

if TYPE_CHECKING:
    from .adapters.directory.formats import Formats

Task: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Coroutine functions that a tree runs in the event loop.

    `startup` runs before the first request, `background` all the time, `shutdown` after the last
    request.
    """

    startup: Sequence[Task] = ()
    background: Sequence[Task] = ()
    shutdown: Sequence[Task] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The root group, its tasks, and the resources that its nodes read with.

    `identify` tells who sends a request and which tree they see, if that is not `root` for all.
    """

    root: Group
    tasks: Tasks
    resources: Resources
    identify: Callable[[Any], Awaitable[Any]] | None = None


def plant(
    settings: Settings,
    on_file: Callable[[Path], None] | None = None,
    on_unknown: Callable[[str, int], None] = ignored,
    resources: Resources | None = None,
) -> Tree:
    """The tree that the settings describe.

    With `on_file`, indexes directories now (see Watcher). Raises SettingsError if some part of the
    tree cannot be served.
    """
    resources = resources or resources_of(settings)
    check_paths([mount.path for mount in settings.trees])
    watcher = Watcher(on_file, on_unknown)
    sources = [planted(mount, watcher, resources, settings) for mount in settings.trees]
    nodes = {mount.path: node for mount, (node, _) in zip(settings.trees, sources, strict=True)}
    identify = getattr(sources[0][1], "identify", None) if settings.asks_tiled else None
    return Tree(root=grafted(nodes), tasks=tasks_of([source for _, source in sources]), resources=resources, identify=identify)


def resources_of(settings: Settings, workers: int = 1) -> Resources:
    """New resources for an application with these settings, one of `workers` on the machine.

    Raises SettingsError if `memory` is too little, the library of the second cache is missing, or
    the scheduler of dask cannot be used.
    """
    dask = partial(Executor.of, settings.scheduler, settings.blocks_size, workers)
    sizes, fetching, read = settings.sizes(workers), settings.fetching, settings.read_timeout
    try:
        made = Resources.of(sizes, patience=settings.queue_timeout, read_timeout=read, fetching=fetching, dask=dask)
        return replace(made, shared=shared(settings))
    except Busy as error:
        raise SettingsError(f"{settings.spelling('scheduler')}: {error}") from error


def check_paths(paths: list[str]) -> None:
    """Raise SettingsError if one tree's path is inside another's."""
    parts = sorted(tuple(path.split("/")) if path else () for path in paths)
    for above, below in pairwise(parts):
        if below[: len(above)] == above:
            raise SettingsError(f"trees: /{'/'.join(below)} is inside the tree at /{'/'.join(above)}; give each a separate path")


def planted(mount: Mount, watcher: Watcher, resources: Resources, settings: Settings) -> tuple[Node | Single, object]:
    """The node of a mount with its options, or its file, and the object that it was made from, else None.

    Raises SettingsError.
    """
    node, source = source_of(mount, watcher, resources, settings)
    return node if isinstance(node, Single) else configured(node, mount), source


def file(mount: Mount, resources: Resources) -> Group | Single:
    """The file of a mount; at the root, the group of the file, or one with the file as only child.

    Raises SettingsError if a file at the root cannot be opened, or an option has no meaning.
    """
    from .adapters.common.choices import TextChoice

    path, of_files = Path(mount.target), formats(mount.files)
    if of_files is None:
        raise SettingsError(f"walker: {path} is a file; only a folder is walked")
    alone = partial(Alone, path, resources, tables=TextChoice(**mount.csv), formats=of_files)
    if mount.path:
        return alone(finish=lambda node: configured(node, mount))
    try:
        return alone().root(stem(path.name, mount.files.get("ext", {})))
    except Exception as error:
        name, hint = path.resolve().name, ""  # the name of what a link leads to counts
        if type(error) is Unavailable:
            can_help = "say with --ext what its suffix means, as in --ext .foo=hdf5"
            hint = f"; {can_help if Path(name).suffix else f'give it a suffix that says what it is, such as {name}.h5'}"
        raise SettingsError(f"{path} cannot be served: {why(error) if isinstance(error, OSError) else reason(error)}{hint}") from error


def source_of(mount: Mount, watcher: Watcher, resources: Resources, settings: Settings) -> tuple[Node | Single, object]:
    """The node or file of a mount, and the Python object that it was made from, else None."""
    match mount.source:
        case "demo":
            from . import demo

            return demo.tree(), None
        case "directory":
            return directory(mount, watcher, resources)
        case "file":
            return file(mount, resources), None
        case "pyobject":
            return python_object(mount.target, resources, bare=mount.bare)
        case "catalog":
            return catalog(mount, resources)
        case "remote":
            return remote(mount, watcher, resources), None
        case "tiled":
            return tiled_server(mount.target, resources, settings)


def remote(mount: Mount, watcher: Watcher, resources: Resources) -> Group | Single:
    """The group of a prefix, or an object or store of Zarr at an address; at the root, a group.

    Raises SettingsError if nothing is there, its store fails, or an option has no meaning.
    """
    from .adapters.common.choices import TextChoice
    from .adapters.remote.addresses import Address
    from .adapters.remote.items import INSTALLED
    from .adapters.remote.open import Choice, at_root, found_at

    ext = of_objects(mount.files, mount.shown)
    choice = Choice(formats(mount.files) or INSTALLED, TextChoice(**mount.csv), partial(configured, mount=mount if mount.path else Mount()))
    try:
        found = found_at(mount.target, resources, choice, mount.store, frozen=bool(mount.options.frozen))
        is_below = isinstance(found, Single) and bool(mount.path)
        return found if is_below else at_root(found, stem(Address.of(mount.target).name, ext), watcher)
    except Exception as error:
        raise SettingsError(f"{mount.shown} cannot be served: {why(error) if isinstance(error, OSError) else reason(error)}") from error


def directory(mount: Mount, watcher: Watcher, resources: Resources) -> tuple[Node, object]:
    """The group of the folder of a mount, and the object that has its tasks, else None.

    Raises SettingsError if the folder does not exist or cannot be read, or if an option for its
    files has no meaning.
    """
    from .adapters.common.choices import TextChoice
    from .adapters.directory.open import open_directory

    path, tables, of_files = Path(mount.target), TextChoice(**mount.csv), formats(mount.files)
    if of_files is None:
        return walked(path, mount.files, resources)
    try:
        if not path.is_dir():
            raise SettingsError(f"{path} is not a directory" + ("; serve the directory that holds it" if path.exists() else ""))
        found = open_directory(
            path, on_file=watcher.on_file, on_unknown=watcher.on_unknown, tables=tables, formats=of_files, resources=resources
        )
        return found if mount.bare else as_group(found, path.resolve().name), None
    except (OSError, Unavailable) as error:
        raise SettingsError(f"the directory {path} cannot be served: {why(error)}") from error


def formats(files: Mapping[str, Any]) -> Formats | None:
    """The formats that the options for the files of a directory describe.

    None if a walker of the user's own decides what they are. Raises SettingsError.
    """
    from .adapters.directory.mimetypes import Mimetypes

    adapters, walkers, hook = files.get("adapter", {}), files.get("walker", ()), files.get("mimetype_hook")
    try:
        rule = of_tiled("walker").rule(walkers) if walkers else files.get("sequences", "numbers")
        return rule and Mimetypes(
            by_suffix=files.get("ext", {}),
            adapters={mimetype: of_tiled("adapter").adapter(named_by("adapter", name), name) for mimetype, name in adapters.items()},
            hook=None if hook is None else called(named_by("mimetype_hook", hook), f"mimetype_hook: {hook}"),
            default=lambda mimetype: of_tiled("ext").default_adapter(mimetype) if is_installed("tiled") else None,
        ).formats(rule)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def walked(path: Path, files: Mapping[str, Any], resources: Resources) -> tuple[Group, object]:
    """The root of a folder as walkers of Tiled register it, and the object that has its tasks.

    Raises SettingsError if a walker is none, or fails.
    """
    for walker in files["walker"]:
        called(named_by("walker", walker), f"walker: {walker}")
    classes = {mimetype: named_by("adapter", name) for mimetype, name in files.get("adapter", {}).items()}
    try:
        from .tiled.files.registered import registered  # the whole server of Tiled, which only walkers need

        served = registered(path, files, classes, resources)
    except Exception as error:
        raise SettingsError(f"{', '.join(files['walker'])}: {reason(error)}") from error
    return served.node, served


def named_by(option: str, spelling: str) -> object:
    """The object that an option names. Raises SettingsError, which says which option, if none."""
    try:
        return named(spelling)
    except SettingsError as error:
        raise SettingsError(f"{option}: {error}") from error


def of_tiled(option: str) -> ModuleType:
    """The room for what only Tiled can say. Raises SettingsError if Tiled is not installed."""
    try:
        from .tiled import files
    except ModuleNotFoundError as error:
        raise SettingsError(f"{option} needs the package {error.name!r}: {extras.command('tiled')}") from error
    return files


def is_installed(package: str) -> bool:
    """True if a package can be imported."""
    return importlib.util.find_spec(package) is not None


def why(error: Exception) -> str:
    """The text of an error; for missing permissions, also what to do."""
    denied = "; let the user that runs the server read and search it (chmod u+rx)" if isinstance(error, PermissionError) else ""
    return f"{getattr(error, 'strerror', None) or error}{denied}"


def tiled_server(url: str, resources: Resources, settings: Settings) -> tuple[Group, object]:
    """The root of a Tiled server's tree, and the object with its tasks. Raises SettingsError."""
    try:
        from .tiled.proxy.serving import proxy, reached
        from .tiled.proxy.view import Trust
    except ModuleNotFoundError as error:
        raise SettingsError(f"to read a Tiled server takes the package {error.name!r}: {extras.command('tiled')}") from error
    if not (settings.asks_tiled or settings.tiled_key):
        raise SettingsError(
            f"{url}: callers can show Tiled their own credentials only if its tree is the only one, and at /; "
            "give a key with which all of them read as tiled_key"
        )
    try:
        trust = Trust(look=settings.tiled_look, keep=settings.tiled_keep)
        remote, path = reached(url, settings.read_timeout, settings.queue_timeout)
        served = proxy(remote, path, settings.tiled_key, trust, resources)
    except (ValueError, OSError, Forbidden) as error:
        raise SettingsError(str(error)) from error
    return served.root, served


def catalog(mount: Mount, resources: Resources) -> tuple[Group, object]:
    """The root of a catalog of Tiled's, and the object that has its tasks. Raises SettingsError."""
    try:
        from .tiled.catalog import CannotOpen, open_catalog
    except ModuleNotFoundError as error:
        raise SettingsError(f"a catalog needs the package {error.name!r}: {extras.command('tiled')}") from error

    try:
        served = open_catalog(mount.target, mount.read, resources)
    except CannotOpen as error:
        raise SettingsError(str(error)) from error
    return served.node, served


def python_object(spelling: str, resources: Resources, *, bare: bool = False) -> tuple[Node, object]:
    """The node of the object that `module:name` names, and the object.

    Unless `bare`, it is a group: an array is its only child. Raises SettingsError.
    """
    from .adapters.memory.mapping import adapt_mapping
    from .adapters.registry import adapt

    source, (module, _, name) = found(spelling), spelling.rpartition(":")
    node = started(lambda: adapt(resources.dask.computable(source, module), resources=resources), spelling)
    return node if bare or is_root(node) else adapt_mapping({name: source}, resources), source


def started(make: Callable[[], Node], spelling: str) -> Node:
    """The root that `make` returns; tries its revision and the first of its names.

    Raises SettingsError if any of this fails.
    """
    try:
        node = make()
        node.revision()
        if isinstance(node, Group):
            next(iter(node.children), None)
    except Exception as error:
        raise SettingsError(f"{spelling}: {reason(error)}") from error
    return node


def as_group(node: Node, name: str) -> Group:
    """The node if it is a group, else a group with the node as its only child."""
    return node if is_root(node) else Group(children={name: node}, revision=launch_nonce)


def tasks_of(sources: list[object]) -> Tasks:
    """The tasks in the attributes of Tiled's trees, of all sources together."""

    def gathered(name: str) -> list[Task]:
        return [task for source in sources for task in getattr(source, name, ())]

    return Tasks(startup=gathered("startup_tasks"), background=gathered("background_tasks"), shutdown=gathered("shutdown_tasks"))


def grafted(nodes: Mapping[str, Node | Single]) -> Group:
    """A group that has every node and file at its path; the path "" is the root itself."""
    children: dict[str, dict[str, Node | Single]] = {}
    for path, node in nodes.items():
        if not path:
            assert isinstance(node, Group)
            return node
        name, _, rest = path.partition("/")
        children.setdefault(name, {})[rest] = node
    grown = {name: below[""] if "" in below else grafted(below) for name, below in children.items()}
    fixed = {name: node for name, node in grown.items() if isinstance(node, Array | Group)}
    if len(fixed) < len(grown):
        return Group(Mounted(grown), blocking=True, kind="folder")
    return Group(children=fixed, revision=launch_nonce, outline=Outline(launch_nonce, fixed.keys, blocking=False))


def configured(node: Node, mount: Mount) -> Node:
    """The node with the options of a mount.

    The node's own options win over those for the whole mount, and those for a path win over both.
    """
    whole = replace(node, options=node.options.over(mount.options))
    return with_options(whole, mount.nodes) if mount.nodes else whole
