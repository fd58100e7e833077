"""`/download/<node>.npy`, `.csv`, `.png`: a node, or a part of it, as a file.

The last suffix is the format, so the node `a.npy` is `/download/a.npy.npy`.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

import numpy as np

from ...encoding import values
from ...encoding.encode import Block
from ...hierarchy import headers
from ...hierarchy.keyspace import Chunk, KeySpace
from ...hierarchy.places import Place
from ...nodes import Array, TooLarge
from ..protocol import replies, requests
from ..protocol.caching import Caching
from ..protocol.replies import NO_SNIFFING, NOT_FOUND, Headers, Reply
from ..protocol.requests import Request
from . import commas, planes, slices
from .bodies import Bodies, Body
from .choice import in_source
from .files import MOST_BYTES, MOST_CELLS
from .places import placed
from .slices import NoSlice, Slice

PREFIX = "/download/"
UNSAFE = re.compile(r"[^A-Za-z0-9._ -]")


class Downloads:
    """Answers requests for files. `formats` has the key space of each prefix (`zarr/v2`)."""

    def __init__(self, formats: Mapping[str, KeySpace], caching: Caching) -> None:
        self.keys = formats["zarr/v2"]
        self.images = formats.get("ome-zarr/0.4")
        self.bodies = Bodies(caching, is_replica=self.keys.config.is_replica)
        self.makers: Mapping[str, Callable[[str, str], Body | None]] = {"npy": self.npy, "csv": self.csv, "png": self.png}

    def reply(self, request: Request) -> Reply:
        """The file; 404 if there is no such node, or no such file of it, 413 if it is too large.

        400 if the slice is none of the node. Blocks.
        """
        path, _, suffix = requests.path_of(request.scope).removeprefix(PREFIX).rpartition(".")
        text = requests.query_value(request.scope, "slice") or ""
        try:
            body = self.makers[suffix](path, text)
        except NoSlice as why:
            return replies.text(400, str(why))
        if body is None:
            return NOT_FOUND
        return self.bodies.reply(request, replace(body, name=f"{suffix}|{text}|{body.name}"))

    def npy(self, path: str, text: str) -> Body | None:
        """An array as NPY."""
        place = placed(self.keys, path)
        if place is None or not isinstance(place.node, Array):
            return None
        wanted = slices.parse(text, place.node.shape)
        part = self.part(place, wanted)
        return self.body(
            path, (part,), lambda: saved(wanted.of(values.read(part, self.keys.resources))), "npy", b"application/octet-stream"
        )

    def csv(self, path: str, text: str) -> Body | None:
        """A table, or an array of at most two axes, as CSV."""
        place = placed(self.keys, path)
        if place is None:
            return None
        if isinstance(place.node, Array):
            return self.csv_of_array(path, place, slices.parse(text, place.node.shape))
        return self.csv_of_table(path, place, text) if place.node.kind == "table" else None

    def csv_of_array(self, path: str, place: Place, wanted: Slice) -> Body:
        """An array as CSV: without a header, but records have one of the names of their fields."""
        names = place.array.dtype.names
        if len(wanted.shape) > (1 if names else 2):
            raise NoSlice(
                f"{'records' if names else 'values'} on {len(wanted.shape)} axes are no table: choose one index of others, as ?slice=0,:,:"
            )
        check_cells(math.prod(wanted.shape) * len(names or "1"))
        part = self.part(place, wanted)
        kind = b"text/csv; charset=utf-8; header=" + (b"present" if names else b"absent")
        return self.body(path, (part,), lambda: commas.of_block(wanted.of(values.read(part, self.keys.resources))), "csv", kind)

    def csv_of_table(self, path: str, place: Place, text: str) -> Body:
        """The rows of a table as CSV, below the names of its columns."""
        group = place.group
        assert group is not None
        below = {name: placed(self.keys, f"{path}/{name}".lstrip("/")) for name in (child.name for child in self.keys.listing(group))}
        columns = {name: found for name, found in below.items() if found is not None and isinstance(found.node, Array) and found.node.shape}
        length = min((found.array.shape[0] for found in columns.values()), default=0)
        wanted = {name: slices.parse(text, (length, *found.array.shape[1:])).of_rows for name, found in columns.items()}
        check_cells(sum(math.prod(part.shape) for part in wanted.values()))
        parts = {name: self.part(found, wanted[name]) for name, found in columns.items()}

        def make() -> bytes:
            read = (
                (titled(name), wanted[name].of(values.read(part, self.keys.resources)), part.node.attributes)
                for name, part in parts.items()
            )
            return commas.of_table(read)

        return self.body(path, tuple(parts.values()), make, "csv", b"text/csv; charset=utf-8; header=present")

    def png(self, path: str, text: str) -> Body | None:
        """A plane of an image as PNG."""
        plane = planes.of(self.images, path, text)
        if plane is None:
            return None
        return replace(self.body(path, plane.parts, plane.picture, "png", b"image/png"), name=plane.name, extra=plane.nbytes)

    def part(self, place: Place, wanted: Slice) -> Chunk:
        """The region of a part. Raises TooLarge if it has more than MOST_BYTES."""
        nbytes = math.prod(span.stop - span.start for span in wanted.region) * headers.itemsize(place.array.dtype)
        if nbytes > MOST_BYTES:
            raise TooLarge(f"the values take {nbytes >> 20:,} MiB, and a file has at most {MOST_BYTES >> 20}: {instead(place)}")
        return values.part(self.keys, place, wanted.region)

    def body(self, path: str, parts: tuple[Chunk, ...], make: Callable[[], bytes], suffix: str, kind: bytes) -> Body:
        """The body of a file, and the name under which browsers keep it."""
        return Body(path, parts, make, (*named(f"{path.rpartition('/')[2] or 'data'}.{suffix}"), (b"content-type", kind), NO_SNIFFING))


def titled(name: str) -> str:
    """The source's name of a column, from its name in a path; the latter if the source's is not Unicode.

    >>> titled("m~2fs"), titled("~ff")
    ('m/s', '~ff')
    """
    source = in_source(name)
    return source if source.isascii() or source == source.encode("utf-8", "ignore").decode() else name


def instead(place: Place) -> str:
    """What to do with an array that is too large for a file."""
    first = ",".join(["0:1000", *[":"] * (len(place.array.shape) - 1)])
    return f"ask for a part with ?slice={first}, or read /zarr/v3 with zarr-python, which takes any size"


def check_cells(count: int) -> None:
    """Raises TooLarge if a CSV file would have too many values."""
    if count > MOST_CELLS:
        raise TooLarge(f"{count:,} values as text, and a CSV file has at most {MOST_CELLS:,}: ask for some rows with ?slice=0:1000")


def saved(block: Block) -> bytes:
    """A block as NPY; text of any length as that of the longest. Raises TooLarge."""
    if block.dtype.kind == "O":
        longest = max(map(len, block.reshape(-1)), default=1)
        if 4 * longest * block.size > MOST_BYTES:
            raise TooLarge(f"texts of up to {longest:,} characters are too large for NPY: ask for fewer with ?slice=, or for CSV")
        block = block.astype(f"U{max(longest, 1)}")
    file = io.BytesIO()
    np.save(file, block, allow_pickle=False)
    return file.getvalue()


def named(name: str) -> Headers:
    r"""The header that gives a file its name, in ASCII and whole.

    https://www.rfc-editor.org/rfc/rfc6266

    >>> named('größe "1".npy')[0][1]
    b'attachment; filename="gr__e _1_.npy"; filename*=UTF-8\'\'gr%C3%B6%C3%9Fe%20%221%22.npy'
    """
    plain = f'attachment; filename="{UNSAFE.sub("_", name)}"'
    return ((b"content-disposition", (plain if not UNSAFE.search(name) else f"{plain}; filename*=UTF-8''{quote(name, safe='')}").encode()),)
