"""How arrays are served: what a tree, a node or the settings may choose."""

from __future__ import annotations

from dataclasses import dataclass

from . import checks, codecs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """How arrays are served. None means: inherit from the group above, finally from the settings.

    `codec` is spelled as in `tiled_zarr.codecs.parse`. `chunk_shape` is in elements and applies to
    arrays with as many axes. `tile_budget` is how many bytes of an image may be read for one tile
    of a smaller level. `verbatim` serves an array's own chunks and dimension names unchanged, even
    if they do not suit clients or clash with siblings. `frozen` promises that the data and metadata
    never change: clients keep them for a year without asking again.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    tile_budget: int | None = None
    verbatim: bool | None = None
    frozen: bool | None = None

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError if the codec or a size is not valid."""
        if self.codec is not None:
            codecs.parse(self.codec)
        if self.chunk_shape is not None:
            object.__setattr__(self, "chunk_shape", checks.shape(self.chunk_shape))
        if self.tile_budget is not None:
            object.__setattr__(self, "tile_budget", checks.size(self.tile_budget))

    def over(self, others: Options) -> Options:
        """These options, with each None replaced by the value in `others`."""
        if self is NO_OPTIONS:
            return others
        return Options(
            codec=self.codec or others.codec,
            chunk_shape=self.chunk_shape or others.chunk_shape,
            tile_budget=self.tile_budget or others.tile_budget,
            verbatim=others.verbatim if self.verbatim is None else self.verbatim,
            frozen=others.frozen if self.frozen is None else self.frozen,
        )


NO_OPTIONS = Options()
"""The options of a node that inherits everything from the group above."""
