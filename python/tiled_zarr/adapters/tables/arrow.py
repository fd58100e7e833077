"""Arrow tables and record batches."""

from __future__ import annotations

import pyarrow as pa

from ...nodes import Group, Table
from ...resources import Resources
from ...revisions import launch_nonce
from ..common.children import Children
from ..common.columns import column_node, schema_attributes, schema_names, unavailable


def adapt_table(source: pa.Table | pa.RecordBatch, resources: Resources | None = None) -> Group:
    """The group of a table's columns; the table is in memory."""
    table = pa.Table.from_batches([source]) if isinstance(source, pa.RecordBatch) else source
    names, reasons = schema_names(table.schema), unavailable(table.schema, longest=0)
    columns = {name: table.column(i) for i, name in enumerate(names) if i not in reasons}
    return Table(
        children=Children(columns, lambda name: column_node(columns[name], launch_nonce), resources),
        attributes=schema_attributes(table.schema.metadata),
        unavailable=lambda: {names[i]: reason for i, reason in reasons.items()},
        revision=launch_nonce,
    )
