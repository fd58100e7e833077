"""Data frames and series of pandas."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...nodes import Group, Table
from ...resources import Resources
from ...revisions import launch_nonce
from ..common.children import Children
from ..common.recipes import column, columns, is_numpy


def adapt_frame(source: pd.DataFrame, resources: Resources | None = None) -> Group:
    """The index and the columns of a frame.

    We assume that it does not change while it is served.
    """
    values = columns(source)
    return Table(
        children=Children(values, lambda name: column(values[name], launch_nonce), resources),
        attributes={str(name): value for name, value in source.attrs.items()},
        revision=launch_nonce,
        # the others are converted at their first lookup
        blocking=not all(map(is_numpy, values.values())),
    )


def adapt_series(source: pd.Series[Any], resources: Resources | None = None) -> Group:
    """The index and the values of a series; the values are called `values` if it has no name."""
    return adapt_frame(source.to_frame("values" if source.name is None else source.name), resources)
