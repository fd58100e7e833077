"""The tree as OME-NGFF shows it: groups stay groups, images become groups of levels, all else is absent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Lock

from ..attributes import Late
from ..cache import Cache
from ..nodes import Array, Group, Node, Sparse
from . import documents, stored
from .background import Background
from .documents import Version
from .image import Image
from .levels import Stores
from .planes import Planes

LABELS = "labels"
MOST_IMAGES = 1000
"""What is known of so many images (contrast windows, depth of levels) is kept."""


class Pyramids:
    """The images of a tree by their paths, each made when it is first looked at, shared by both versions of OME-NGFF. Thread-safe."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def sized(cls, *, tiles: int, levels: int, folder: Path | None, budget: int) -> Pyramids:
        """Pyramids that keep so many bytes of tiles, so many of levels (in a folder, if one is given), and read `budget` for a tile."""
        return cls(
            Stores(tiles=Cache(tiles, lambda block: block.nbytes), planes=Planes(levels, folder), background=Background(), budget=budget)
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
        attributes=group.attributes,
        revision=group.revision,
        blocking=group.blocking,
        options=group.options,
        consolidated=False,
        assembled=getattr(group, "assembled", None),  # the root may be any node
    )


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
        source = self._group.children[name]
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

    def _shown(self, name: str, source: Node) -> Node | None:
        path = f"{self._path}/{name}"
        if isinstance(source, Group):
            pixels = stored.pyramid(source)
            if pixels is None:
                return _mirror(source, path, self._version, self._pyramids, self._budget)
            source = pixels
        if not isinstance(source, Array | Sparse):
            return None
        image = self._pyramids.image(path, source, self._budget)
        return None if image is None else self._group_of_levels(name, image)

    def _group_of_levels(self, name: str, image: Image) -> Group:
        levels: dict[str, Node] = {str(level): image.level(level) for level in range(len(image.pyramid.shapes))}
        labels = self._labels(image)
        return Group(
            children=levels if labels is None else {**levels, LABELS: labels},
            attributes=Late(partial(image.attributes, self._version, name)),
            revision=image.revision,
            assembled=False,
        )

    def _labels(self, image: Image) -> Group | None:
        """The group of the siblings that label an image."""
        names = [name for name in image.pyramid.display.hint.labels if name in self._group.children]
        if not names:
            return None
        return Group(children=Chosen(self, names), attributes=documents.labels(self._version, names), blocking=self._group.blocking)


class Chosen(Mapping[str, Node]):
    """Some of the children of a group."""

    def __init__(self, children: Mapping[str, Node], names: list[str]) -> None:
        self._children = children
        self._names = names

    def __getitem__(self, name: str) -> Node:
        if name not in self._names:
            raise KeyError(name)
        return self._children[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
