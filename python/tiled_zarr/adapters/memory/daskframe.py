"""Data frames and series of dask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from ...nodes import Array, Group, Revision, Table
from ...resources import Resources, default
from ...revisions import launch_nonce
from ..common.children import Children
from .clustered import partition
from .partitions import Partitions


def adapt_frame(source: Any, resources: Resources | None = None) -> Group:
    """The index and the columns; a request for data computes the partitions that hold them.

    All partitions are computed once, to learn the number of rows and the types. We assume, as dask
    does, that a graph always gives the same values.
    """
    executor = (resources or default()).dask
    cluster = executor.cluster()

    def read(number: int, labels: list[Any] | None) -> pd.DataFrame:
        if cluster is not None:
            return partition(cluster, source, number, labels)
        part = source.partitions[number]
        frame: pd.DataFrame = (part if labels is None else part[labels]).compute(scheduler=executor.local())
        return frame

    columns = Partitions(read, int(source.npartitions))
    return Table(
        children=Children(columns, lambda name: _steady(columns, name), resources),
        unavailable=columns.unavailable,
        revision=launch_nonce,
        blocking=True,
    )


def adapt_series(source: Any, resources: Resources | None = None) -> Group:
    """The index and the values of a series; the values are called `values` if it has no name."""
    return adapt_frame(source.to_frame("values" if source.name is None else source.name), resources)


def _steady(columns: Partitions, name: str) -> Array:
    """A column, which has the revision of the launch, and does not grow."""
    return replace(columns[name], revision=Revision(launch_nonce), maxshape=None)
