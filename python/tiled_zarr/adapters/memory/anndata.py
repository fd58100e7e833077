"""Annotated data matrices of anndata.

https://anndata.readthedocs.io/en/latest/fileformat-prose.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...nodes import Group
from ...resources import Resources
from .mapping import adapt_mapping

MAPPINGS = ("layers", "obsm", "varm", "obsp", "varp", "uns")
"""The parts that have members of their own."""


def adapt_anndata(source: Any, resources: Resources | None = None) -> Group:
    """A group of `X`, `obs`, `var`, and of the members of its other parts, as in an H5AD file.

    It must not change while it is served. A sparse matrix that is still in a file is loaded when it
    is first looked up. `raw`, if there is one, is a group of its `X` and `var`.
    """
    return adapt_mapping(_parts(source), resources)


def _parts(source: Any) -> dict[str, Any]:
    raw = source.raw
    return {
        **_matrix(source),
        "obs": source.obs,
        "var": source.var,
        **{name: _members(getattr(source, name)) for name in MAPPINGS},
        **({} if raw is None else {"raw": {**_matrix(raw), "var": raw.var}}),
    }


def _matrix(source: Any) -> dict[str, Any]:
    return {} if source.X is None else {"X": _loaded(source.X)}


def _members(part: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a part, in plain dicts all the way down."""
    return {str(name): _members(value) if isinstance(value, Mapping) else _loaded(value) for name, value in part.items()}


def _loaded(value: Any) -> Any:
    """A sparse matrix that is backed by a file, in memory; anything else as it is."""
    return value.to_memory() if hasattr(value, "to_memory") and hasattr(value, "format") else value
