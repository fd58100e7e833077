"""Data frames and series of pandas."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from ..nodes import Table
from ..revisions import launch_nonce
from ._opening import Children
from ._pandas import column, columns


def adapt_frame(source: pd.DataFrame) -> Table:
    """The index and the columns of a frame. It is taken not to change while it is served."""
    makers = {name: partial(column, values, launch_nonce) for name, values in columns(source).items()}
    attributes = {str(name): value for name, value in source.attrs.items()}
    return Table(children=Children(makers, lambda name: makers[name]()), attributes=attributes, revision=launch_nonce)


def adapt_series(source: pd.Series[Any]) -> Table:
    """The index and the values of a series, which are called `values` where it has no name."""
    return adapt_frame(source.to_frame("values" if source.name is None else source.name))
