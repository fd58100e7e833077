"""The tree as OME-NGFF shows it: groups stay groups, images become groups of levels, all else is absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from ..attributes import Late
from ..caches.forgetful import Forgetful
from ..caches.recent import Recent
from ..nodes import Array, Group, Node
from ..resources import Resources
from . import documents, stored
from .documents import Version
from .image import Image
from .pyramid.background import Background
from .pyramid.levels import Stores, looks_of
from .pyramid.planes import Planes

LABELS = "labels"
NO_LABELS: Mapping[str, Node] = MappingProxyType({})
MOST_MADE = 1000
"""Of the children of a group so many are remembered; then all are forgotten, which costs no more than making them again."""
MOST_IMAGES = 1000
"""What is known of so many images (contrast windows, depth of levels) is kept."""


class Pyramids:
    """The images of a tree by their paths, each made when it is first looked at, shared by both versions of OME-NGFF. Thread-safe."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self._images: Recent[str, Image] = Recent(MOST_IMAGES)
        self._lock = Lock()

    @classmethod
    def of(cls, resources: Resources, *, folder: Path | None, budget: int) -> Pyramids:
        """Pyramids that keep tiles and levels in `resources` (levels in a folder, if one is given), and read `budget` bytes for a tile.

        Raises OSError if the folder cannot be used.
        """
        return cls(
            Stores(
                tiles=resources.tiles,
                planes=Planes(resources.sizes.levels, folder),
                background=Background(resources.budget.forget),
                memory=resources.budget,
                budget=budget,
                looks=looks_of(resources.abandoned),
                resources=resources,
            )
        )

    def image(self, path: str, node: Array, budget: int | None) -> Image | None:
        """The image that a node is, or None. Opens no data. `budget` holds unless the node or, if it is None, the server says another."""
        with self._lock:
            known = self._images.peek(path)
            if known is None or known.node is not node:
                made = Image.of(path, node, self.stores, budget)
                if made is None:
                    return None
                known = made if known is None or not known.is_like(made) else known
                self._images.keep(path, known)
            return known

    def close(self) -> None:
        """Stop the work in the background."""
        self.stores.background.stop()


def view(root: Node, version: Version, pyramids: Pyramids) -> Group:
    """The tree below `root`, of which an array has none; children are opened when they are asked for."""
    return _mirror(root if isinstance(root, Group) else Group({}), "", version, pyramids, None)


def _mirror(group: Group, path: str, version: Version, pyramids: Pyramids, budget: int | None) -> Group:
    return Group(
        children=Mirror(group, path, version, pyramids, group.options.tile_budget or budget),
        attributes=_passed(version, group.attributes),
        revision=group.revision,
        blocking=group.blocking,
        options=group.options,
        consolidated=False,
        kind=group.kind,
        kin=group.kin,
    )


def _passed(version: Version, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a group that is no image."""
    if isinstance(attributes, Late):
        return Late(lambda: stored.attributes(version, attributes.now()))
    return stored.attributes(version, attributes)


class Mirror(Mapping[str, Node]):
    """The children of a group that are groups or images. Iterating gives the names of all, because it opens none."""

    def __init__(self, group: Group, path: str, version: Version, pyramids: Pyramids, budget: int | None) -> None:
        self._group = group
        self._budget = budget
        self._path = path
        self._version = version
        self._pyramids = pyramids
        self._made: Forgetful[str, tuple[Node, Node]] = Forgetful(MOST_MADE)

    def __getitem__(self, name: str) -> Node:
        source = self.source(name)
        known = self._made.get(name)
        if known is not None and known[0] is source:
            return known[1]
        made = self._shown(name, source)
        if made is None:
            raise KeyError(name)
        self._made[name] = (source, made)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._group.children)

    def __len__(self) -> int:
        return len(self._group.children)

    def source(self, name: str) -> Node:
        """The child of the source. Raises what opening it raises."""
        return self._group.children[name]

    def label(self, name: str, source: Node, *, is_stored: bool) -> Node:
        """A child as a label of another: an image without labels of its own, which might lead round in a circle. Raises KeyError.

        One that `is_stored` among labels is a label whatever it says of itself.
        """
        image = self._image(name, source, is_label=is_stored)
        if image is None:
            raise KeyError(name)
        return self._levels(name, image)

    def _shown(self, name: str, source: Node) -> Node | None:
        image = self._image(name, source)
        if image is not None:
            return self._levels(name, image, self._stored_labels(name, source) or self._labels(image))
        match source:
            case Array() | Group(kind="table"):
                return None
        return _mirror(source, f"{self._path}/{name}", self._version, self._pyramids, self._budget)

    def _image(self, name: str, source: Node, *, is_label: bool = False) -> Image | None:
        """The image that a child is, or has stored as a multiscale group."""
        pixels = stored.pixels(source, is_label=is_label)
        return None if pixels is None else self._pyramids.image(f"{self._path}/{name}", pixels, self._budget)

    def _levels(self, name: str, image: Image, labels: Mapping[str, Node] = NO_LABELS) -> Group:
        """The group of an image's levels."""
        return Group(
            children={**image.levels, **labels},
            attributes=Late(partial(image.attributes, self._version, name)),
            revision=image.revision,
            kind="image",
        )

    def _stored_labels(self, name: str, source: Node) -> Mapping[str, Node]:
        """The group of labels that a multiscale group has stored, if there are any."""
        found = stored.labels(source)
        if found is None:
            return NO_LABELS
        below, names = found
        mirror = Mirror(below, f"{self._path}/{name}/{LABELS}", self._version, self._pyramids, self._budget)
        return _group_of(Labels(mirror, names, are_stored=True), self._version, below)

    def _labels(self, image: Image) -> Mapping[str, Node]:
        """The group of the siblings that label an image, if there are any."""
        names = [name for name in image.pyramid.display.hint.labels if self._is_there(name)]
        if not names:
            return NO_LABELS
        return _group_of(Labels(self, names), self._version, self._group)

    def _is_there(self, name: str) -> bool:
        """Whether the source has a child of this name, be it a bad one."""
        with suppress(Exception):
            return name in self._group.children
        return True


def _group_of(labels: Labels, version: Version, source: Group) -> Mapping[str, Node]:
    """The group of labels, by its name; they lie in `source`."""
    attributes = Late(lambda: documents.labels(version, labels.good()))
    return {LABELS: Group(children=labels, attributes=attributes, blocking=source.blocking)}


class Labels(Mapping[str, Node]):
    """The children of a group that label one of its images, or `are_stored` under it."""

    def __init__(self, mirror: Mirror, names: list[str], *, are_stored: bool = False) -> None:
        self._mirror = mirror
        self._are_stored = are_stored
        self._names = names
        self._made: dict[str, tuple[Node, Node]] = {}

    def __getitem__(self, name: str) -> Node:
        if name not in self._names:
            raise KeyError(name)
        source = self._mirror.source(name)
        known = self._made.get(name)
        if known is None or known[0] is not source:
            known = self._made[name] = (source, self._mirror.label(name, source, is_stored=self._are_stored))
        return known[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def good(self) -> list[str]:
        """The names of those that can be opened now, and are images."""
        return [name for name in self._names if self._is_good(name)]

    def _is_good(self, name: str) -> bool:
        with suppress(Exception):  # whatever is wrong with a label, the image and its other labels are to be seen
            return name in self
        return False
