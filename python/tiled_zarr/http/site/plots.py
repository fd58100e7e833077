"""`/thumbnail/<node>.svg`: plots of 1-d arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ... import marks
from ...caches.cost import Cache
from ...encoding import values
from ...hierarchy.keyspace import Chunk, KeySpace
from ...nodes import Array
from ..protocol import replies, requests
from ..protocol.caching import Caching
from ..protocol.replies import NO_SNIFFING, NOT_FOUND, Headers, Reply
from ..protocol.requests import Request
from . import lines, templates
from .bodies import Bodies, Body
from .places import placed
from .thumbnails import parsed

SUFFIX = ".svg"
SHORT = 100_000
"""Values of an array up to which its plot is drawn of all of them: no level of it is shorter."""
HEADERS: Headers = (
    (b"content-type", b"image/svg+xml"),
    (b"content-security-policy", f"default-src 'none'; style-src {templates.source_of(lines.STYLE)}".encode()),
    NO_SNIFFING,
)


class Plots:
    """Answers requests for plots. `formats` has the key space of each prefix (`zarr/v2`)."""

    def __init__(self, formats: Mapping[str, KeySpace], cache: Cache[bytes], caching: Caching) -> None:
        self.keys = formats["zarr/v2"]
        self.levels = formats.get("minmax/v2")
        is_replica = self.keys.config.is_replica
        self.live = Bodies(caching, cache, is_replica=is_replica)
        self.pinned = Bodies(caching._replace(kept=caching.frozen), cache, is_replica=is_replica)

    def reply(self, request: Request) -> Reply:
        """The plot as SVG, or 404 if there is none of the node. Blocks.

        410 if the path names a revision that has gone.
        """
        path, token = parsed(requests.path_of(request.scope), SUFFIX)
        part = self.part(path)
        if part is None:
            return NOT_FOUND
        if token is not None and self.keys.token(path) != token:
            return replies.SUPERSEDED
        made = (self.live if token is None else self.pinned).reply(request, Body("plot", (part,), partial(self.drawn, part), HEADERS))
        return replies.SUPERSEDED if token is not None and self.keys.token(path) != token else made

    def part(self, path: str) -> Chunk | None:
        """What the plot of a node is drawn of: its values, or its coarsest min/max level.

        None if there is no such node, or no plot of it.
        """
        place = placed(self.keys, path)
        if place is None or not (isinstance(place.node, Array) and lines.is_line(place.node)):
            return None
        level = self.coarsest(path) if place.node.shape[0] > SHORT else None
        return values.part(self.keys, place, (slice(0, place.node.shape[0]),)) if level is None else level

    def coarsest(self, path: str) -> Chunk | None:
        """The whole of the coarsest level of a line; None if it has no levels."""
        levels = self.levels
        line = None if levels is None else placed(levels, path)
        names = [] if line is None or line.group is None else [*line.group.children]
        place = None if levels is None or not names else placed(levels, f"{path}/{names[-1]}")
        return None if levels is None or place is None else values.part(levels, place, tuple(slice(0, size) for size in place.array.shape))

    def drawn(self, part: Chunk) -> bytes:
        """The plot of a part. Blocks; raises what the source raises."""
        node = part.node
        return lines.svg(values.read(part, self.keys.resources), marks.declared(node.mark, node.attributes, node.dtype))
