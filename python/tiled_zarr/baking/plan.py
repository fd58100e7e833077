"""What a store will hold: its arrays, each with the step that makes it, and its documents."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType, ModuleType
from typing import Literal, TypeAlias

from .. import codecs, texts
from ..grid import Grid
from ..hierarchy import names, v2, v3
from ..hierarchy.keyspace import KeySpace
from ..hierarchy.openings import MOST_REASONS
from ..hierarchy.places import Place
from ..hierarchy.steps import walk
from ..nodes import Array, Group, Node, Unavailable
from ..ome.image import Image
from ..ome.view import Pyramids, image_of, view
from ..revisions import joined, launch_nonce
from ..storage.targets import Limits
from ..views.mirror import Mirror
from . import boxes
from .boxes import Shape
from .levels import SCRATCH, Level
from .origins import Names, inside, origin
from .outputs import Output
from .sources import Source
from .steps import Copy, Step

Format: TypeAlias = Literal["ome-zarr", "zarr"]
ZarrFormat: TypeAlias = Literal[2, 3]
FORMATS = MappingProxyType({2: v2, 3: v3})
VERSIONS: MappingProxyType[int, Literal["0.4", "0.5"]] = MappingProxyType({2: "0.4", 3: "0.5"})
LABELS = "labels"
MOST_NODES = 1_000_000
"""Nodes of a store, at most: a tree may have no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a store is written; `format` None means OME-Zarr if the node is an image, else Zarr.

    `shards` and `chunks` are in elements along the last axes; `levels` is how many an image has at
    most. What is None is chosen.
    """

    format: Format | None = None
    zarr_format: ZarrFormat = 3
    shards: Shape | None = None
    chunks: Shape | None = None
    codec: str | None = None
    levels: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if a field is not valid."""
        if self.format not in {None, "ome-zarr", "zarr"}:
            raise ValueError(f"format {self.format!r}: give 'ome-zarr' or 'zarr'")
        if self.zarr_format not in FORMATS:
            raise ValueError(f"zarr_format {self.zarr_format!r}: give 2 or 3")
        if self.zarr_format == 2 and self.shards is not None:
            raise ValueError("Zarr v2 has no shards: leave shards out, or write zarr_format 3")
        for name in ("shards", "chunks"):
            edges = getattr(self, name)
            if edges is not None and (not edges or min(edges) < 1):
                raise ValueError(f"{name} {edges}: give one or more sizes of at least 1")
        if self.levels is not None and self.levels < 1:
            raise ValueError(f"levels {self.levels}: an image has at least one")
        if self.codec is not None:
            codecs.parse(self.codec)


class Plan:
    """The arrays of a store and how each is made. Opens every node, and reads no data.

    `phases` are steps that may run beside each other; a phase needs those before it. A node whose
    keys are beyond the `limits` of the target is left out; `refused` has the reason for each, by the
    path of its group and its name. Raises Unavailable if the node cannot be written in this format,
    and what opening it raises.
    """

    def __init__(self, source: Source, choice: Choice, limits: Limits) -> None:
        self.choice = choice
        self.limits = limits
        self.source = source
        self.format: ModuleType = FORMATS[choice.zarr_format]
        self.places: list[Place] = []
        self.phases: list[list[Step]] = [[]]
        self.outputs: dict[str, Output] = {}
        self.left_out: dict[str, str] = {}
        self.refused: dict[str, dict[str, str]] = {}
        self._nodes: list[tuple[str, Array]] = []
        self._inside: dict[str, Names] = {}
        self.keyspace = self._keyspace()
        self.root = self._found()
        self._add(self.root)

    @cached_property
    def is_ome(self) -> bool:
        """True if images become multiscale groups."""
        if self.choice.format is not None:
            return self.choice.format == "ome-zarr"
        return is_image(self._view, self._path)

    def revision(self) -> str | None:
        """One revision of all that is read; None if a part of it cannot say. Looks at each source."""
        return fingerprint(self._nodes)

    def origins(self) -> dict[str, str | None]:
        """The origins of the arrays that are copied, by path in the store. Looks at each source."""
        return {path: origin(self._inside[path], node.revision()) for path, node in self._nodes if path in self._inside}

    def below(self, place: Place) -> str:
        """The path of a place in the store."""
        return place.path[len(self.root.path) :].lstrip("/")

    @property
    def _path(self) -> str:
        """The path of the node in the tree of the key space."""
        if self.source.path or not self._is_wrapped:
            return self.source.path
        return names.wire(self.source.name, self.format.FORBIDDEN)

    @cached_property
    def _is_wrapped(self) -> bool:
        """True if the root itself is baked as an image: an image is a child of a group."""
        return not self.source.path and self.choice.format != "zarr"

    @cached_property
    def _tree(self) -> Node:
        """The tree of the source, as the only child of a group if the root is baked as an image."""
        root = self.source.root
        return Group({self.source.name: root}, revision=launch_nonce) if self._is_wrapped else root

    @cached_property
    def _view(self) -> Group:
        """The tree as OME-NGFF. Nothing is made in the background."""
        resources = self.source.resources
        pyramids = Pyramids.of(resources, folder=None, budget=resources.sizes.in_flight)
        pyramids.close()
        return view(self._tree, VERSIONS[self.choice.zarr_format], pyramids)

    def _keyspace(self) -> KeySpace:
        choice, config = self.choice, self.source.config
        chosen = replace(config, codec=choice.codec or config.codec)
        if not self.is_ome:
            if choice.levels is not None:
                raise ValueError("levels are those of images: leave them out, or give format 'ome-zarr'")
            return KeySpace(
                self._tree, self.format, replace(chosen, chunk_shape=choice.chunks or config.chunk_shape), self.source.resources
            )
        if choice.chunks is not None and any(edge % 2 for edge in choice.chunks[-2:]):
            raise ValueError(f"chunks {choice.chunks}: those of images have even edges, since four pixels of a level make one of the next")
        root = cut(self._view, choice)
        return KeySpace(root, self.format, replace(chosen, separator="/"), self.source.resources)

    def _found(self) -> Place:
        """The place of the node that is baked."""
        place, rest = walk(self.keyspace.places, self.keyspace.start(self._path))
        if rest:
            kind = "image, nor a group of images: write it as 'zarr'" if self.is_ome else "node"
            raise Unavailable(f"{self.source.path or self.source.name}: there is no such {kind}")
        return place

    def _add(self, place: Place) -> None:
        """Add a place and all below it, level by level, so that siblings are next to each other."""
        waiting = deque([place])
        while waiting:
            here = waiting.popleft()
            why = next(filter(None, map(self.limits.refusal, self._keys(here))), None)
            if why is not None:
                self._refuse(here, why)
                continue
            self.places.append(here)
            if len(self.places) > MOST_NODES:
                raise Unavailable(f"more than {MOST_NODES:,} nodes: bake a part of them, as FILE::PATH")
            if here.group is not None:
                waiting.extend(self._children(here, here.group))
            elif here is place or not here.is_level:
                self._add_array(here)

    def _children(self, place: Place, group: Group) -> Iterable[Place]:
        """The places below a group that can be opened. Adds the levels of an image."""
        below = self.keyspace.places.children(place, MOST_NODES)
        path = self.below(place)
        self.left_out |= {f"{path}/{name}".lstrip("/"): why for name, why in self.keyspace.unavailable(group).items()}
        image = image_of(group)
        if image is not None:
            self._add_levels(image, [child for child in below.values() if child.group is None])
        return below.values()

    def _keys(self, place: Place) -> Iterator[str]:
        """The keys of a node that may be too long: those of its documents, and of its last chunk.

        An image also has those of its levels, and of their copies until the bake ends.
        """
        path = self.below(place)
        key = f"{path}/" if path else ""
        yield from (f"{key}{name}" for name in self.format.documents(is_group=place.group is not None))
        if place.group is None:
            last = tuple(max(0, count - 1) for count in self.keyspace.recipe(place).grid.counts)
            yield f"{key}{self._chunk_key(self.keyspace.metadata.separator, last)}"
        elif image_of(place.group) is not None:
            levels = [child for child in self.keyspace.places.children(place, MOST_NODES).values() if child.group is None]
            yield from (f"{SCRATCH}{one}" for level in levels for one in self._keys(level))

    def _refuse(self, place: Place, why: str) -> None:
        """Leave out a node that the target does not take. Raises Unavailable if it is the root."""
        if place.above is None or place is self.root:
            raise Unavailable(f"{self.source.path or self.source.name}: {why}")
        above = self.below(place.above)
        refused = self.refused.setdefault(above, {})
        name, why = (texts.name(place.name), why) if len(refused) < MOST_REASONS else ("*", "there are more that the target does not take")
        refused[name] = self.left_out[f"{above}/{name}".lstrip("/")] = why

    def _add_array(self, place: Place) -> None:
        node = place.array
        self._nodes.append((self.below(place), node))
        self._inside[self.below(place)] = inside(place)
        output = self._output(place, node.source.unit or node.chunks, self.choice.shards, is_plane=False)
        key = f"{place.path}/" if place.path else ""
        self.phases[0].append(Copy(output=output, keyspace=self.keyspace, node=node, key=key))

    def _add_levels(self, image: Image, places: list[Place]) -> None:
        """Add the levels of an image, whose places are in their order."""
        self._nodes += read_for(self.below(places[0]), image.node)
        base = image.pyramid.base.number
        below, shards = None, self.choice.shards
        for count, (number, place) in enumerate(zip(image.pyramid.shown, places, strict=False)):
            unit = image.pyramid.sources[number].array.chunks if number <= base else None
            output = self._output(place, unit, shards, is_plane=True)
            shards = output.box[-2:] if shards is None else shards
            is_last = count + 1 == len(places)
            below = Level(output=output, image=image, number=number, below=below if number > base else None, is_below=not is_last)
            if number == base and not is_last:
                continue  # the first level above it is made together with it
            self._phase(max(0, number - base - 1)).append(below)

    def _phase(self, number: int) -> list[Step]:
        self.phases += [[] for _ in range(number + 1 - len(self.phases))]
        return self.phases[number]

    def _output(self, place: Place, unit: Shape | None, shards: Shape | None, *, is_plane: bool) -> Output:
        recipe = self.keyspace.recipe(place)
        nbytes = max(1, recipe.read_itemsize)
        box = boxes.shard_shape(recipe.grid, nbytes, unit, shards, is_plane=is_plane)
        output = self.outputs[self.below(place)] = Output(
            path=self.below(place),
            recipe=recipe,
            box=box,
            unit=unit,
            is_sharded=self.choice.zarr_format == 3 and box != recipe.grid.chunk_shape,
            chunk_key=partial(self._chunk_key, self.keyspace.metadata.separator),
        )
        return output

    def _chunk_key(self, separator: str, index: tuple[int, ...]) -> str:
        key: str = self.format.chunk_key(index, separator)
        return key


def is_image(root: Group, path: str) -> bool:
    """True if a path in a tree as OME-NGFF leads to an image."""
    node: Node = root
    try:
        for name in path.split("/"):
            assert isinstance(node, Group)
            node = node.children[name]
    except (KeyError, AssertionError):
        return False
    return isinstance(node, Group) and image_of(node) is not None


def cut(root: Group, choice: Choice) -> Group:
    """A tree as OME-NGFF with the chosen chunks and number of levels."""
    if choice.chunks is None and choice.levels is None:
        return root
    show = partial(shown, choice)
    if image_of(root) is None:
        return replace(root, children=Mirror(root.children, show))
    kept = [name for number, name in enumerate(name for name in root.children if name != LABELS) if number < (choice.levels or number + 1)]
    others = [LABELS] if LABELS in root.children else []
    return replace(root, children=Mirror(root.children, show, names=[*kept, *others]))


def shown(choice: Choice, _: str, node: Node) -> Node:
    """A child of such a tree."""
    if isinstance(node, Group):
        return cut(node, choice)
    if choice.chunks is None:
        return node
    chunks = (*(1,) * (len(node.shape) - 2), *(choice.chunks[-2:] if len(choice.chunks) > 1 else choice.chunks * 2))
    return replace(node, chunks=chunks)


def read_for(path: str, image: Array) -> list[tuple[str, Array]]:
    """The arrays that are read for an image whose first level is at a path, each with that path."""
    return [(path, image), *((path, level) for level in image.levels)]


def fingerprint(nodes: Sequence[tuple[str, Array]]) -> str | None:
    """One revision of arrays, each with its path in a store; None if one has none."""
    found = [f"{path}|{revision}" for path, node in nodes if (revision := whole(node)) is not None]
    return joined(["tree", *found]) if found and len(found) == len(nodes) else None


def whole(node: Array) -> str | None:
    """The revision of an array; if it has one only for parts, that of all parts; None if it has none."""
    revision = node.revision()
    of: Callable[..., str | None] | None = node.revision.of
    if revision is not None or of is None or node.chunks is None or 0 in node.shape:
        return revision
    grid = Grid(node.shape, node.chunks)
    found = [of(region) for region in map(grid.region, grid)]
    return None if None in found else joined(["parts", *filter(None, found)])
