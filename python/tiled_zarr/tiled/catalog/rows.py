"""What the database says of one node: its row, its data source and the assets of that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select
from tiled.catalog import orm


class Asset(NamedTuple):
    """A file, a folder, a database or an object in which data of a data source are."""

    parameter: str | None
    num: int | None
    uri: str


class Row(NamedTuple):
    """A node as the database has it; equal rows give equal nodes.

    `source` is what identifies the data source and says how it is read, None for a node without
    one. `structure` identifies its structure.
    """

    identifier: int
    family: str
    metadata: Mapping[str, Any]
    specs: Any
    source: tuple[Any, ...] | None
    structure: str
    assets: tuple[Asset, ...]

    @property
    def identity(self) -> str:
        """A text that identifies the data source and its structure, for revisions."""
        return f"{self.identifier}.{'' if self.source is None else self.source[0]}.{self.structure}"


class Entry(NamedTuple):
    """A child as it was looked up: Tiled's adapter and the row behind it."""

    adapter: Any
    row: Row


async def entries_of(context: Any, adapters: Iterable[Any]) -> list[Entry]:
    """The adapters of nodes with their rows; asks for all assets at once."""
    found = list(adapters)
    sources = [source.id for adapter in found for source in adapter.node.data_sources or ()]
    assets = await assets_of(context, sources)
    return [Entry(adapter, row_of(adapter.node, assets)) for adapter in found]


async def assets_of(context: Any, sources: list[int]) -> Mapping[int, tuple[Asset, ...]]:
    """The assets of data sources, by the identifier of the source, in the order of the parameters."""
    if not sources:
        return {}
    link = orm.DataSourceAssetAssociation
    statement = (
        select(link.data_source_id, link.parameter, link.num, orm.Asset.data_uri)
        .join(orm.Asset, orm.Asset.id == link.asset_id)
        .where(link.data_source_id.in_(sources))
        .order_by(link.data_source_id, link.parameter, link.num)
    )
    async with context.session() as database:
        rows = (await database.execute(statement)).all()
    found: dict[int, list[Asset]] = defaultdict(list)
    for source, *asset in rows:
        found[source].append(Asset(*asset))
    return {source: tuple(listed) for source, listed in found.items()}


def row_of(node: Any, assets: Mapping[int, tuple[Asset, ...]]) -> Row:
    """The row behind a node of Tiled's, whose data sources are loaded."""
    source = next(iter(node.data_sources or ()), None)
    return Row(
        identifier=node.id,
        family=str(getattr(node.structure_family, "value", node.structure_family)),
        metadata=node.metadata_ or {},
        specs=node.specs,
        source=None if source is None else (source.id, source.mimetype, source.parameters, source.properties),
        structure="" if source is None else source.structure_id or "",
        assets=() if source is None else assets.get(source.id, ()),
    )
