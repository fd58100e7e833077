"""The tree as OME-NGFF: groups stay groups, images become groups of levels, all else is absent."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from .. import codecs
from ..attributes import Late
from ..caches.recent import Recent
from ..nodes import Array, Group, Node, Options
from ..options import NO_OPTIONS
from ..resources import Resources
from ..views.mirror import Mirror
from . import documents, planes, stored
from .documents import Version
from .image import Image
from .latitudes import Latitudes
from .pyramid.background import Background
from .pyramid.planes import Planes
from .pyramid.stores import Baked, Stores, looks_of, nothing_baked

LABELS = "labels"
NO_LABELS: Mapping[str, Node] = MappingProxyType({})
MOST_IMAGES = 1000
"""Images that we keep at once, with their contrast windows and the number of their levels."""


class Pyramids:
    """The images of a tree by path, each made at its first request. Thread-safe.

    Both versions of OME-NGFF share them.
    """

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self._images: Recent[str, Image] = Recent(MOST_IMAGES)
        self._lock = Lock()

    @classmethod
    def of(  # noqa: PLR0913 - one value, made in one place
        cls,
        resources: Resources,
        *,
        folder: Path | None,
        budget: int,
        rate: int | None = None,
        in_background: bool = True,
        baked: Baked | None = None,
        codec: str | None = None,
        instance: str | None = None,
    ) -> Pyramids:
        """Pyramids that keep their tiles and levels in `resources`, levels in `folder` if given.

        They read at most `budget` bytes of the source for one tile, and levels that `baked` finds
        instead. In the background they read `rate` bytes a second, or nothing. Tiles are sent with
        `codec`, else with the default. Servers with the same `instance` are replicas. Raises OSError
        if the folder cannot be used.
        """
        return cls(
            Stores(
                tiles=resources.tiles,
                planes=Planes(resources.sizes.levels, folder),
                background=Background(resources.budget.forget, rate=rate, is_on=in_background),
                memory=resources.budget,
                budget=budget,
                looks=looks_of(resources.abandoned),
                resources=resources,
                baked=baked or nothing_baked,
                codec=codec or codecs.DEFAULT,
                instance=instance,
            )
        )

    def image(self, path: str, node: Array, options: Options) -> Image | None:
        """The image of the node at `path`, or None if it is no image. Reads no pixels.

        One tile may read `tile_budget` bytes of the source, and is sent with `codec`. The node's
        own options win over `options`, those of the groups above; if both are None, the server's
        apply.

        If the node was opened again and nothing else has changed, the known image stays.
        """
        with self._lock:
            known = self._images.peek(path)
            if known is None or known.node is not node:
                made = Image.of(path, node, self.stores, options)
                if made is None:
                    return None
                known = made if known is None or not known.is_like(made) else known
                self._images.keep(path, known)
            return known

    def close(self) -> None:
        """Stop the background thread. Blocks until its step ends, at most END (5) seconds."""
        self.stores.background.stop()


def view(root: Node, version: Version, pyramids: Pyramids, plane: str | None = None) -> Group:
    """The tree below `root` as OME-NGFF `version`; an array as `root` gives an empty group.

    With `plane`, such as "zx", images have these axes as rows and columns, and those without both
    are left out. A child is opened at its first request.
    """
    path = "" if plane is None else f"~plane={plane}"
    return _mirror(root if isinstance(root, Group) else Group({}), path, version, pyramids, NO_OPTIONS, plane=plane)


def _mirror(  # noqa: PLR0913 - what a Shower has
    group: Group, path: str, version: Version, pyramids: Pyramids, above: Options, *, plane: str | None, latitudes: Latitudes | None = None
) -> Group:
    """The group at `path` with its children as OME-NGFF shows them."""
    shower = Shower(group, path, version, pyramids, group.options.over(above), plane=plane, latitudes=latitudes)
    return Group(
        children=Mirror(group.children, shower.shown),
        attributes=_passed(version, group.attributes),
        revision=group.revision,
        blocking=group.blocking,
        options=group.options,
        consolidated=False,
        kind=group.kind,
        kin=group.kin,
        outline=group.outline,
    )


def _passed(version: Version, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a group that is no image; late ones stay late."""
    if isinstance(attributes, Late):
        return Late(lambda: stored.attributes(version, attributes.now()))
    return stored.attributes(version, attributes)


class Shower:
    """Shows a group's children: images as multiscale groups, groups as groups, nothing else.

    `path` identifies the group among those of all planes. `latitudes` are those of the group above.
    """

    def __init__(  # noqa: PLR0913 - made in two places
        self,
        group: Group,
        path: str,
        version: Version,
        pyramids: Pyramids,
        options: Options,
        *,
        plane: str | None,
        latitudes: Latitudes | None = None,
    ) -> None:
        self._group = group
        self._options = options
        self._plane = plane
        self._path = path
        self._version = version
        self._pyramids = pyramids
        self._latitudes = Latitudes(group, latitudes)

    def label(self, name: str, source: Node, *, is_stored: bool) -> Node:
        """A child as a label image. Raises KeyError if it is no image.

        It has no labels of its own, because two images could name each other as labels without end.
        If `is_stored`, it lies in a `labels` group and is a label whatever its attributes say.
        """
        image = self._image(name, source, is_label=is_stored)
        if image is None:
            raise KeyError(name)
        return self._levels(name, source, image)

    def shown(self, name: str, source: Node) -> Node:
        """A child as OME-NGFF shows it. Reads no pixels.

        Raises KeyError if it is neither a group nor an image.
        """
        image = self._image(name, source)
        if image is not None:
            return self._levels(name, source, image, self._stored_labels(name, source) or self._labels(image))
        match source:
            case Array() | Group(kind="table"):
                raise KeyError(name)
        path = f"{self._path}/{name}"
        return _mirror(source, path, self._version, self._pyramids, self._options, plane=self._plane, latitudes=self._latitudes)

    def _image(self, name: str, source: Node, *, is_label: bool = False) -> Image | None:
        """The image of a child (an array, or a stored multiscale group), or None."""
        pixels = self._latitudes.north_up(source) if isinstance(source, Array) else stored.pixels(source, is_label=is_label)
        if pixels is not None and self._plane is not None:
            pixels = planes.turned(pixels, self._plane)
        return None if pixels is None else self._pyramids.image(f"{self._path}/{name}", pixels, self._options)

    def _levels(self, name: str, source: Node, image: Image, labels: Mapping[str, Node] = NO_LABELS) -> Group:
        """The multiscale group of a source's image: its levels and its labels, if there are any."""
        return Group(
            children=Unlisted({**image.levels, **labels}, image.marked),
            attributes=Late(partial(image.attributes, self._version, name)),
            revision=image.revision,
            options=Options(frozen=source.options.frozen),
            kind="image",
            kin=image,
        )

    def _stored_labels(self, name: str, source: Node) -> Mapping[str, Node]:
        """The `labels` group that a multiscale group stores, by its name; empty if none."""
        found = stored.labels(source)
        if found is None:
            return NO_LABELS
        below, names = found
        shower = Shower(below, f"{self._path}/{name}/{LABELS}", self._version, self._pyramids, self._options, plane=self._plane)
        return shower.labels(names, are_stored=True)

    def _labels(self, image: Image) -> Mapping[str, Node]:
        """The group of the siblings that the image's hint names as labels; empty if none exists."""
        names = [name for name in image.pyramid.display.hint.labels if self._is_there(name)]
        return self.labels(names, are_stored=False) if names else NO_LABELS

    def labels(self, names: list[str], *, are_stored: bool) -> Mapping[str, Node]:
        """A group of the children `names` as labels, keyed by its own name, "labels"."""
        labels = Mirror(self._group.children, partial(self.label, is_stored=are_stored), names=names)
        attributes = Late(lambda: documents.labels(self._version, good(labels)))
        return {LABELS: Group(children=labels, attributes=attributes, blocking=self._group.blocking)}

    def _is_there(self, name: str) -> bool:
        """True if the source has a child of this name, even one that cannot be opened."""
        with suppress(Exception):
            return name in self._group.children
        return True


class Unlisted(dict[str, Node]):
    """Children, and further ones that no listing names: levels of an image in which marks are left."""

    def __init__(self, listed: Mapping[str, Node], unlisted: Mapping[str, Node]) -> None:
        super().__init__(listed)
        self._unlisted = unlisted

    def __missing__(self, name: str) -> Node:
        return self._unlisted[name]


def image_of(group: Group) -> Image | None:
    """The image whose levels a group of a view shows; None if it is another group."""
    return group.kin if isinstance(group.kin, Image) else None


def good(labels: Mapping[str, Node]) -> list[str]:
    """The names of the labels that can be opened now and are images.

    A broken label is left out, so that the image and its other labels remain visible.
    """
    found = []
    for name in labels:
        with suppress(Exception):
            found += [name] if name in labels else []
    return found
