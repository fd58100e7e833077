"""Files that an adapter class of Tiled opens, by its `from_uris`.

https://blueskyproject.io/tiled/how-to/read-custom-formats.html
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tiled.mimetypes import DEFAULT_ADAPTERS_BY_MIMETYPE
from tiled.utils import ensure_uri

from ...adapters.common.snapshot import Snapshot
from ...adapters.memory.tiled import adapt_tiled
from ...adapters.registry import Adapter
from ...nodes import Node
from ...resources import Resources


def adapter(made_by: Any, name: str) -> Adapter:
    """What opens files by a class of Tiled's, which is called `name` in messages.

    Raises ValueError if it has no `from_uris`.
    """
    make = getattr(made_by, "from_uris", None)
    if not callable(make):
        raise ValueError(f"{name} has no from_uris(uri), by which Tiled opens files; give the class of an adapter")  # noqa: TRY004 - one kind of error for whatever is wrong
    return partial(_opened, make, name)


def default_adapter(mimetype: str) -> Adapter | None:
    """What opens files of a mimetype in Tiled without further settings; None if nothing does."""
    if mimetype not in DEFAULT_ADAPTERS_BY_MIMETYPE:
        return None
    return adapter(DEFAULT_ADAPTERS_BY_MIMETYPE[mimetype], f"Tiled's adapter for {mimetype}")


def _opened(make: Callable[[str], Any], name: str, path: Path, resources: Resources | None = None) -> Node:
    """The node of a file: without a revision, since the adapter alone knows what it reads."""
    with Snapshot.of(path, resources).failures_as(f"a file for {name}"):
        return adapt_tiled(make(ensure_uri(path)), resources)
