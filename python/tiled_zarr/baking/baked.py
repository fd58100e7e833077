"""Bakes a node: writes it and all below it as a Zarr store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..nodes import Changed
from ..resources import Resources
from ..settings import arguments
from . import manifest, work
from .boxes import Shape
from .documents import documents
from .levels import SCRATCH
from .manifest import CannotBake
from .objects import Objects
from .plan import Choice, Format, Plan, ZarrFormat
from .sources import opened
from .targets import Folder, Target
from .work import Progress
from .zips import SUFFIX, Packed, folder_of, pack

NO_FILES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Baked:
    """A store that is whole: where it is, how many arrays it has, and their decoded bytes.

    `left_out` has the reason for each node that could not be opened, by path.
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
    progress: Progress | None = None,
    files: Mapping[str, str] = NO_FILES,
) -> Baked:
    """Write a node and all below it as a Zarr store at `target`: a folder, a `.zip`, or `s3://BUCKET/KEY`.

    `node` is anything that `tiled_zarr.open` or `tiled-zarr serve` takes; a text may end in
    `::PATH`, a node inside. Images become OME-Zarr with all their levels, anything else the Zarr
    that `/zarr` serves; `format` ("ome-zarr", "zarr") decides otherwise. `shards` and `chunks` are
    in elements along the last axes, `levels` is how many an image gets at most. `workers` threads
    each hold about one shard. `progress` is called with the decoded bytes of each shard and
    of all.

    The documents are written last, so a store can be opened once it is whole. A run that was ended
    goes on with `resume`, and makes the same bytes. Raises CannotBake if the target holds something
    else, or if the source changes; Unavailable and what the source raises if it cannot be read.
    """
    choice = Choice(format=format, zarr_format=zarr_format, shards=shards, chunks=chunks, codec=codec, levels=levels)
    where = os.fspath(target)
    with opened(node, files) as source:
        plan = Plan(source, choice)
        wanted = manifest.of(plan)
        archive = zip_at(where)
        if archive is None or not manifest.is_whole(Packed(archive), wanted, where, resume=resume):
            store = target_at(where, source.resources) if archive is None else Folder(folder_of(archive))
            place = where if archive is None else str(folder_of(archive))
            if not manifest.begin(store, wanted, place, resume=resume):
                with unchanged(plan, wanted, place):
                    work.run(plan, store, workers or work.processors(), progress or ignored)
                finish(plan, store, wanted)
            if archive is not None:
                pack(archive)
        return Baked(target=where, arrays=len(plan.outputs), nbytes=work.total(plan), left_out=plan.left_out)


def is_address(where: str) -> bool:
    """True for an address that is no path of this machine."""
    return "://" in where and not where.startswith("file://")


def target_at(where: str, resources: Resources) -> Target:
    """The target at a path or an address. Raises Unavailable if it cannot be written to."""
    return Objects.at(where, resources) if is_address(where) else Folder(arguments.path_of(where))


def zip_at(where: str) -> Path | None:
    """The ZIP file that a target is; None if it is a folder or an address."""
    return arguments.path_of(where) if where.endswith(SUFFIX) and not is_address(where) else None


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


def finish(plan: Plan, store: Target, wanted: manifest.Manifest) -> None:
    """Write the documents, and remove what is not part of the store."""
    for key, body in documents(plan, manifest.baked(wanted)):
        store.put(key, body)
    store.remove(SCRATCH)
    store.remove(manifest.KEY)


def ignored(_: int, __: int) -> None:
    """Do nothing."""
