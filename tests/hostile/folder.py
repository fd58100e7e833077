"""The hostile folder: every bad thing that the server must survive, beside good ones.

`python tests/hostile/folder.py OUT` makes it for people to look at, and says how to serve it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile import array_files, hdf5_files, picture_files, places, stores, table_files
from hostile.things import LATE, MAKERS, Claim, Maker, joined

KINDS = (array_files, hdf5_files, picture_files, places, stores, table_files)
"""The modules whose functions register themselves."""


def build(out: Path, *, kinds: frozenset[str] | None = None) -> list[Claim]:
    """Make in `out/served` what is there before the server starts; return what is claimed of it."""
    return list(_made(out / "served", MAKERS, kinds))


def add_late(out: Path, *, kinds: frozenset[str] | None = None) -> list[Claim]:
    """The same for what appears while the folder is served."""
    return list(_made(out / "served", LATE, kinds))


def _made(served: Path, makers: Mapping[str, list[Maker]], kinds: frozenset[str] | None) -> Iterator[Claim]:
    for kind, functions in makers.items():
        if kinds is not None and kind not in kinds:
            continue
        at = served / kind
        at.mkdir(parents=True, exist_ok=True)
        for make in functions:
            yield from (claim.below(kind) for claim in make(at))


def main(out: Path) -> None:
    """Make the folder and say how to serve it."""
    claims = build(out)
    print(f"{len(claims)} claims about {joined(str(out), 'served')}; tiled-zarr serve directory {out / 'served'} --public")
    print("and the objects: TILED_ZARR_READ_TIMEOUT=5 PYTHONPATH=tests tiled-zarr serve pyobject hostile.objects:tree --public")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
