"""The tree as OME-NGFF shows it: groups stay groups, images become groups of levels, all else is absent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from ..attributes import Late
from ..budgets import Budget
from ..caches.cost import Cache
from ..nodes import Array, Group, Node, Sparse
from . import documents, stored
from .documents import Version
from .image import Image
from .pyramid.background import Background
from .pyramid.levels import Stores
from .pyramid.planes import Planes

LABELS = "labels"
NO_LABELS: Mapping[str, Node] = {}
MOST_MADE = 1000
"""Of the children of a group so many are remembered; then all are forgotten, which costs no more than making them again."""
MOST_IMAGES = 1000
"""What is known of so many images (contrast windows, depth of levels) is kept."""


class Pyramids:
    """The images of a tree by their paths, each made when it is first looked at, shared by both versions of OME-NGFF. Thread-safe."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def sized(cls, *, tiles: int, levels: int, folder: Path | None, budget: int, memory: Budget) -> Pyramids:
        """Pyramids that keep so many bytes of tiles, so many of levels (in a folder, if one is given), and read `budget` for a tile.

        What is decoded takes `memory`. Raises OSError where the folder cannot be used.
        """
        return cls(
            Stores(
                tiles=Cache(tiles, lambda block: block.nbytes),
                planes=Planes(levels, folder),
                background=Background(memory.forget),
                memory=memory,
                budget=budget,
            )
        )

    def image(self, path: str, node: Array | Sparse, budget: int | None) -> Image | None:
        """The image that a node is, or None. Opens no data. `budget` holds unless the node or, if it is None, the server says another."""
        with self._lock:
            known = self._images.get(path)
            if known is None or known.node is not node:
                made = Image.of(path, node, self.stores, budget)
                if made is None:
                    return None
                known = made if known is None or not known.is_like(made) else known
                self._images[path] = known
            self._images.move_to_end(path)
            if len(self._images) > MOST_IMAGES:
                self._images.popitem(last=False)
            return known

    def close(self) -> None:
        """Stop the work in the background."""
        self.stores.background.stop()


def view(root: Group, version: Version, pyramids: Pyramids) -> Group:
    """The tree below `root`; children are opened when they are asked for."""
    return _mirror(root, "", version, pyramids, None)


def _mirror(group: Group, path: str, version: Version, pyramids: Pyramids, budget: int | None) -> Group:
    return Group(
        children=Mirror(group, path, version, pyramids, group.options.tile_budget or budget),
        attributes=_passed(version, group.attributes),
        revision=group.revision,
        blocking=group.blocking,
        options=group.options,
        consolidated=False,
        assembled=getattr(group, "assembled", None),  # the root may be any node
        kin=getattr(group, "kin", None),
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
        self._made: dict[str, tuple[Node, Node]] = {}

    def __getitem__(self, name: str) -> Node:
        source = self.source(name)
        known = self._made.get(name)
        if known is not None and known[0] is source:
            return known[1]
        made = self._shown(name, source)
        if made is None:
            raise KeyError(name)
        if len(self._made) >= MOST_MADE:
            self._made.clear()
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
        if isinstance(source, Group):
            return _mirror(source, f"{self._path}/{name}", self._version, self._pyramids, self._budget)
        return None

    def _image(self, name: str, source: Node, *, is_label: bool = False) -> Image | None:
        """The image that a child is, or has stored as a multiscale group."""
        pixels = stored.pyramid(source, is_label=is_label) if isinstance(source, Group) else source
        return self._pyramids.image(f"{self._path}/{name}", pixels, self._budget) if isinstance(pixels, Array | Sparse) else None

    def _levels(self, name: str, image: Image, labels: Mapping[str, Node] = NO_LABELS) -> Group:
        """The group of an image's levels."""
        return Group(
            children={**image.levels, **labels},
            attributes=Late(partial(image.attributes, self._version, name)),
            revision=image.revision,
            assembled=False,
        )

    def _stored_labels(self, name: str, source: Node) -> Mapping[str, Node]:
        """The group of labels that a multiscale group has stored, if there are any."""
        found = stored.labels(source) if isinstance(source, Group) else None
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
