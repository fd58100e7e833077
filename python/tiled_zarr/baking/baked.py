"""Bakes a node: writes it and all below it as a Zarr store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from ..nodes import Changed
from ..storage.targets import Target
from . import cluster, manifest, work
from .boxes import Shape
from .cluster import Order
from .documents import documents
from .levels import SCRATCH
from .manifest import CannotBake
from .objects import target_at
from .plan import Choice, Format, Plan, ZarrFormat
from .sources import opened
from .work import Progress
from .zips import Packed, folder_of, pack, zip_at

NO_FILES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Baked:
    """A store that is whole: where it is, how many arrays it has, and their decoded bytes.

    `left_out` has the reason for each node that could not be opened, or has too long a name for the
    target, by path.
    """

    target: str
    arrays: int
    nbytes: int
    left_out: Mapping[str, str]


def bake(  # noqa: PLR0913 - the options of one command
    node: object,
    target: str | os.PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002 - the command's word
    zarr_format: ZarrFormat = 3,
    shards: Shape | None = None,
    chunks: Shape | None = None,
    codec: str | None = None,
    levels: int | None = None,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    files: Mapping[str, str] = NO_FILES,
) -> Baked:
    """Write a node and all below it as a Zarr store at `target`: a folder, a `.zip`, or `s3://BUCKET/KEY`.

    `node` is anything that `tiled_zarr.open` or `tiled-zarr serve` takes; a text may end in
    `::PATH`, a node inside. Images become OME-Zarr with all their levels, anything else the Zarr
    that `/zarr` serves; `format` ("ome-zarr", "zarr") decides otherwise. `shards` and `chunks` are
    in elements along the last axes, `levels` is how many an image gets at most. `workers` threads
    each hold about one shard; with `scheduler`, the address of one of Dask's, its workers do the same
    and open the source themselves. `progress` is called with the decoded bytes of each shard and
    of all.

    The documents are written last, so a store can be opened once it is whole. A run that was ended
    goes on with `resume`, and makes the same bytes. Raises CannotBake if the target holds something
    else, or if the source changes; Unavailable and what the source raises if it cannot be read.
    """
    choice = Choice(format=format, zarr_format=zarr_format, shards=shards, chunks=chunks, codec=codec, levels=levels)
    where = os.fspath(target)
    if scheduler is not None:
        cluster.address(node)
    with opened(node, files) as source:
        archive = zip_at(where)
        place = where if archive is None else str(folder_of(archive))
        store = target_at(place, source.resources)
        plan = Plan(source, choice, store.limits)
        wanted = manifest.of(plan)

        def run() -> None:
            if scheduler is None:
                work.run(plan, store, workers or work.processors(), progress or ignored)
            else:
                order = Order.of(node, place, choice, limits=store.limits, files=files, source=wanted[manifest.SOURCE])
                cluster.run(scheduler, order, plan, store, progress or ignored)

        if archive is None:
            write(plan, wanted, store, where, run=run, resume=resume)
        elif not manifest.is_whole(Packed(archive), wanted, where, resume=resume):
            write(plan, wanted, store, place, run=run, resume=resume)
            pack(archive)
        return Baked(target=where, arrays=len(plan.outputs), nbytes=work.total(plan), left_out=plan.left_out)


def write(  # noqa: PLR0913 - all that a bake consists of
    plan: Plan, wanted: manifest.Manifest, store: Target, where: str, *, run: Callable[[], None], resume: bool
) -> None:
    """Write a store, which lies at a path or an address, unless it is whole; `run` makes its arrays."""
    if manifest.begin(store, wanted, where, resume=resume):
        return
    with unchanged(plan, wanted, where):
        run()
    store.sweep()  # of a worker that was killed
    for key, body in documents(plan, manifest.baked(wanted), manifest.origins(wanted)):
        store.put(key, body)
    store.remove(SCRATCH)
    store.remove(manifest.KEY)


@contextmanager
def unchanged(plan: Plan, wanted: manifest.Manifest, where: str) -> Iterator[None]:
    """Raise CannotBake if the source has changed in here."""
    why = f"the source changed while it was baked: remove {where}, and bake anew"
    try:
        yield
    except Changed as error:
        raise CannotBake(why) from error
    if plan.revision() != wanted[manifest.SOURCE]:
        raise CannotBake(why)


def ignored(_: int, __: int) -> None:
    """Do nothing."""
