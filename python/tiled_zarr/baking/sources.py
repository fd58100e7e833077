"""Opens what is baked: anything that `serve` takes, or an object, and the node in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from .. import opening
from ..adapters.common.single import Mounted
from ..hierarchy.metadata import Config
from ..nodes import Group, Node, Unavailable
from ..resources import Resources, default
from ..revisions import launch_nonce
from ..settings import Settings, SettingsError, from_environment
from ..tree import plant, resources_of

INSIDE = "::"
"""Between a source and the path of a node inside."""
NAMELESS = "image"
"""What an image is called that comes from an object without a name."""


@dataclass(frozen=True, slots=True)
class Source:
    """A tree, the path of the node in it that is baked, and what that node is called."""

    root: Node
    path: str
    name: str
    resources: Resources
    config: Config = field(default_factory=Config)


@contextmanager
def opened(node: object, files: Mapping[str, str]) -> Iterator[Source]:
    """The source that a text, a path or an object names; `files` are the options for files.

    A text may end in `::PATH`, a path inside. Raises what opening raises, Unavailable if there is
    nothing that can be baked.
    """
    if isinstance(node, os.PathLike):
        node = os.fspath(node)
    if not isinstance(node, str):
        yield Source(opening.open(node), "", NAMELESS, default())
        return
    word, _, inner = node.partition(INSIDE)
    with stated(word, files) as source:
        path = inner.strip("/") or source.path
        yield Source(source.root, path, path.rpartition("/")[2] or source.name, source.resources, source.config)


@contextmanager
def stated(word: str, files: Mapping[str, str]) -> Iterator[Source]:
    """The tree of one argument of `serve`. Raises Unavailable in place of SettingsError."""
    try:
        settings = settings_of(word, files)
        resources = resources_of(settings)
        tree = plant(settings, resources=resources)
    except SettingsError as error:
        raise Unavailable(str(error)) from error
    try:
        path = node_alone(tree.root, settings)
        yield Source(tree.root, path, PurePath(word).name.partition(".")[0] or NAMELESS, resources, settings.keyspace)
    finally:
        for task in tree.tasks.shutdown:
            asyncio.run(ended(task))
        resources.close()


def settings_of(word: str, files: Mapping[str, str]) -> Settings:
    """The settings with which `serve` would serve a word. Raises SettingsError."""
    settings = from_environment(os.environ, {}, {"ANYTHING": word, **files})
    if settings.tiled is not None or settings.asks_tiled:
        raise SettingsError(f"{word} shows each caller what that caller may see; give the key with which to read as TILED_ZARR_TILED_KEY")
    return settings


def node_alone(root: Group, settings: Settings) -> str:
    """The name of the node that a file, a folder or an object is, if the root was made around it."""
    if [mount.path for mount in settings.trees] != [""]:
        return ""
    is_made = isinstance(root.children, Mounted) or (root.revision is launch_nonce and len(root.children) == 1)
    return next(iter(root.children)) if is_made else ""


async def ended(task: Any) -> None:
    """Run a task."""
    await task()
