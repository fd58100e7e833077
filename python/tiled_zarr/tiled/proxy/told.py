"""What Tiled tells of a node, and how long that says that the values are the same.

Tiled tells no revision of the values. The closest thing is all that it tells of a node: structure,
metadata, specs and data sources. Nothing of this changes when values are written in place
(`write_block`, a file that is rewritten). So values are trusted for a limited time.
https://blueskyproject.io/tiled/explanations/structures.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from time import time
from types import MappingProxyType
from typing import Any

from ...nodes import Damaged

DIGEST_BYTES = 12
KEPT = MappingProxyType({"writable": 60.0, "immutable": None, "locked": None})
"""Seconds for which values are kept, by what Tiled says about who may write them (`management`).

None: as long as Tiled tells the same. Who writes an array block by block wants to watch it."""
KEPT_OTHERWISE = 600.0
"""Seconds for registered files, and for nodes of which Tiled names no data source."""
EXACT = 100
"""Up to this number Tiled counts the children of a catalog; beyond, it estimates.

Also the children of a container whose metadata are consolidated, at most: each child that is a
container itself takes a request of its own."""
MOST_ASSETS = 100
"""Files of a data source up to which each look asks for them; a sequence of more is asked once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Tiled tells of a node.

    `digest` covers all that makes the node; of a container not the number of its children.
    `sources` are its data sources as JSON; None if they were not asked for.
    """

    family: str
    structure: Mapping[str, Any]
    metadata: Mapping[str, Any]
    specs: tuple[str, ...]
    digest: str
    sources: tuple[Mapping[str, Any], ...] | None

    @property
    def is_assembled(self) -> bool:
        """True if the node names enough files that asking for them again costs more than it tells."""
        return sum(len(source.get("assets") or ()) for source in self.sources or ()) > MOST_ASSETS

    @property
    def has_identity(self) -> bool:
        """True if Tiled names the data behind the node, so that they are the same for all callers."""
        return bool(self.sources) and all(source.get("id") is not None for source in self.sources or ())

    def revision(self, keep: float | None, tag: str) -> str | None:
        """The revision of the values now; None if they are not to be trusted.

        `keep` is for how many seconds they are; None means KEPT. `tag` stands for the caller: values
        that Tiled does not identify are shared with no other.
        """
        seconds = self._kept() if keep is None else keep
        if seconds == 0:
            return None
        text = f"{self.digest}-{digest(self.sources)}" + ("" if self.has_identity else f"-{tag}")
        return text if seconds is None else f"{text}-{int((time() + int(self.digest[:6], 16)) // seconds)}"

    def _kept(self) -> float | None:
        """Seconds for which values are kept: the least of all data sources."""
        found = [KEPT.get(source.get("management", ""), KEPT_OTHERWISE) for source in self.sources or ({},)]
        return min((seconds for seconds in found if seconds is not None), default=None)


def told(resource: Any) -> Told:
    """What a resource in one of Tiled's documents tells. Raises Damaged if it is none."""
    try:
        attributes = resource["attributes"]
        family = str(attributes["structure_family"])
        structure = attributes.get("structure") or {}
        sources = attributes.get("data_sources")
        specs = tuple(str(spec["name"]) for spec in attributes.get("specs") or ())
        shape = structure if family != "container" else counted(structure) is not None
        said = [family, shape, attributes.get("metadata"), attributes.get("specs")]
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"Tiled tells of a node without {error}; is it older than 0.2?") from error
    return Told(
        family=family,
        structure=structure,
        metadata=attributes.get("metadata") or {},
        specs=specs,
        digest=digest(said),
        sources=None if sources is None else tuple(sources),
    )


def counted(structure: Mapping[str, Any]) -> int | None:
    """The number of children in the structure of a container; None if Tiled has only estimated it."""
    count: int | None = structure.get("count")
    return count if count is not None and count <= EXACT else None


def digest(document: Any) -> str:
    """A digest of a JSON document, which does not depend on the order of its names."""
    return blake2b(json.dumps(document, sort_keys=True).encode(), digest_size=DIGEST_BYTES).hexdigest()
