"""Data frames, lazy frames and series of polars, through Arrow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...nodes import Group
from ...resources import Resources
from .arrow import adapt_table

OBJECTS = "Object"
"""polars' type of columns of Python objects, the only one that Arrow does not have."""


def adapt_frame(source: Any, resources: Resources | None = None) -> Group:
    """The columns of a data frame, in memory."""
    reasons = {
        name: "a column of Python objects; convert it to numbers or text" for name, kind in source.schema.items() if str(kind) == OBJECTS
    }
    node = adapt_table(source.drop(list(reasons)).to_arrow(), resources)
    return replace(node, unavailable=lambda: {**node.unavailable(), **reasons})


def adapt_lazy(source: Any, resources: Resources | None = None) -> Group:
    """The columns of a lazy frame, which is collected now, whole.

    Not by columns or rows: two runs of one plan may put the rows into another order.
    """
    return adapt_frame(source.collect(), resources)


def adapt_series(source: Any, resources: Resources | None = None) -> Group:
    """The values of a series, called `values` if it has no name."""
    return adapt_frame((source if source.name else source.alias("values")).to_frame(), resources)
