"""The command `bake`: writes a node and all below it as a Zarr store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from .look import failures
from .options import files, of_files

if TYPE_CHECKING:
    from ..baking import Baked

EXAMPLES = """\b
Examples:
  tiled-zarr bake scan.tif scan.ome.zarr
  tiled-zarr bake run.h5::entry/data data.zarr --format zarr --shards 64,1024,1024
  tiled-zarr bake measurements measurements.zarr --codec blosc:zstd:5
  tiled-zarr bake scan.tif scan.ome.zarr --resume
"""


class Sizes(click.ParamType[tuple[int, ...]]):
    """Sizes in elements, separated by commas."""

    name = "N,N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The sizes. Fails if one is no positive number."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r}: give sizes in elements, as in 4096,4096", param, ctx)
        if min(sizes) < 1:
            self.fail(f"{value!r}: give sizes of at least 1", param, ctx)
        return sizes


@click.command("bake", epilog=EXAMPLES)
@click.argument("node", type=click.Path())
@click.argument("target", type=click.Path())
@click.option("--format", type=click.Choice(["ome-zarr", "zarr"]), help="OME-Zarr for an image, else Zarr, unless this says otherwise.")
@click.option("--zarr-format", type=click.Choice(["3", "2"]), default="3", show_default=True, help="2 is OME-Zarr 0.4, and has no shards.")
@click.option("--shards", type=Sizes(), help="Edges of shards along the last axes; about 32 MiB if left out.")
@click.option("--chunks", type=Sizes(), help="Edges of chunks along the last axes; as they are served if left out.")
@click.option("--codec", help="Codec of the chunks, as in the setting codec.")
@click.option("--levels", type=click.IntRange(1), help="How many levels an image gets at most.")
@click.option("--workers", "-w", type=click.IntRange(1), help="Threads; as many as processors if left out.")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="Let the workers of a Dask scheduler do the work; they open NODE themselves.")
@click.option("--resume", is_flag=True, help="Go on where a bake that was ended left TARGET.")
@of_files
def bake(node: str, target: str, **options: Any) -> None:
    """Write NODE and all below it as a Zarr store, TARGET.

    NODE is anything that `serve` takes, FILE::PATH a node inside. TARGET is a new folder, a .zip, or
    s3://BUCKET/KEY. It can be opened once it is whole.
    """
    from ..baking import CannotBake
    from ..baking import bake as baked

    given = files(options)
    zarr_format: Literal[2, 3] = 2 if options.pop("zarr_format") == "2" else 3
    with failures(), click.progressbar(length=0, label="baking", show_eta=True) as bar:

        def advance(nbytes: int, total: int) -> None:
            bar.length = total
            bar.update(nbytes)

        try:
            made = baked(node, target, files=given, zarr_format=zarr_format, progress=advance, **options)
        except (CannotBake, ValueError) as error:
            raise click.ClickException(str(error)) from error
    say(made)


def say(made: Baked) -> None:
    """Print what was written, and what was left out."""
    click.echo(f"{made.target}: {made.arrays} arrays, {made.nbytes / 1e6:,.1f} MB decoded")
    for name, why in made.left_out.items():
        click.echo(f"left out: /{name}: {why}")
