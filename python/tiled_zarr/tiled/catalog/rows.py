"""What the database says of one node: its row, its data source and the assets of that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from tiled.catalog import orm

CONTAINER = "container"
MOST_BELOW = 1000
"""Nodes below a container up to which one document may hold the metadata of all of them.

To make one, each is opened: 1,000 take some seconds. So names of axes are compared up to that.
"""


class Asset(NamedTuple):
    """A file, a folder, a database or an object in which data of a data source are."""

    parameter: str | None
    num: int | None
    uri: str


class Row(NamedTuple):
    """A node as the database has it; equal rows give equal nodes.

    `source` is what identifies the data source and says how it is read, None for a node without
    one. `structure` identifies its structure. `is_small` says that at most MOST_BELOW nodes lie
    below it. Policies look at `tags`.
    """

    identifier: int
    family: str
    metadata: Mapping[str, Any]
    specs: Any
    source: tuple[Any, ...] | None
    structure: str
    assets: tuple[Asset, ...]
    is_small: bool
    tags: Any = None

    def is_of(self, adapter: Any) -> bool:
        """Whether an adapter of Tiled's has the same node, with the same metadata and tags."""
        node = adapter.node
        return (
            node.id == self.identifier
            and (node.metadata_ or {}) == self.metadata
            and adapter.access_tags == self.tags
            and node.specs == self.specs
        )

    @property
    def is_folder(self) -> bool:
        """True for a container of nodes that are in the database themselves."""
        return self.family == CONTAINER and self.source is None

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
    folders = [adapter.node.id for adapter in found if not adapter.node.data_sources]
    async with context.session() as database:
        assets = await _assets(database, sources) if sources else {}
        small = await _small(database, folders)
    return [Entry(adapter, _row(adapter, assets, small)) for adapter in found]


async def _assets(database: AsyncSession, sources: list[int]) -> Mapping[int, tuple[Asset, ...]]:
    """The assets of data sources, by the identifier of the source, in the order of the parameters."""
    link = orm.DataSourceAssetAssociation
    statement = (
        select(link.data_source_id, link.parameter, link.num, orm.Asset.data_uri)
        .join(orm.Asset, orm.Asset.id == link.asset_id)
        .where(link.data_source_id.in_(sources))
        .order_by(link.data_source_id, link.parameter, link.num)
    )
    found: dict[int, list[Asset]] = defaultdict(list)
    for source, *asset in (await database.execute(statement)).all():
        found[source].append(Asset(*asset))
    return {source: tuple(listed) for source, listed in found.items()}


async def is_small(adapter: Any) -> bool:
    """Whether at most MOST_BELOW nodes lie below a container."""
    async with adapter.context.session() as database:
        return bool(await _small(database, [adapter.node.id]))


async def _small(database: AsyncSession, folders: list[int]) -> frozenset[int]:
    """The containers below which at most MOST_BELOW nodes lie; counts no further."""
    below = orm.NodesClosure
    found = set()
    for folder in folders:
        some = select(literal(1)).where(below.ancestor == folder).limit(MOST_BELOW + 2).subquery()
        count = (await database.execute(select(func.count()).select_from(some))).scalar_one()
        if count <= MOST_BELOW + 1:
            found.add(folder)
    return frozenset(found)


def _row(adapter: Any, assets: Mapping[int, tuple[Asset, ...]], small: Container[int]) -> Row:
    """The row behind a node of Tiled's, whose data sources are loaded."""
    node = adapter.node
    source = next(iter(node.data_sources or ()), None)
    return Row(
        identifier=node.id,
        family=str(getattr(node.structure_family, "value", node.structure_family)),
        metadata=node.metadata_ or {},
        specs=node.specs,
        source=None if source is None else (source.id, source.mimetype, source.parameters, source.properties),
        structure="" if source is None else source.structure_id or "",
        assets=() if source is None else assets.get(source.id, ()),
        is_small=node.id in small,
        tags=adapter.access_tags,
    )
