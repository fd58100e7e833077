"""Does every damage to every source, and prints a line per source.

python -m adapters.damage.sweep [BITS] [SOURCE...]       in the folder tests/
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.damage.damages import sample
from adapters.damage.held import Tally, again, check, hold, read_now
from adapters.damage.sources import SOURCES, Source, remove
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings

FEW, ALL = 12, 10**6


MODES = {"cold": 2, "cached": 3, "restarted": 3}
"""Three ways to ask, each with a Zarr format.

The cache is off; or all chunks are in it; or the server was started after the damage.
"""


def application(folder: Path, source: Source, mode: str) -> Any:
    settings = Settings(public=True, chunk_shape=source.chunk_shape, **({"cache_size": 0} if mode == "cold" else {}))
    return create_app(open_directory(folder), settings)


def sweep(source: Source, folder: Path, bits: int, most: int, *, mode: str, tally: Tally) -> Iterator[tuple[str, list[str]]]:
    """Each damage of a source by name, with what was wrong afterwards.

    What is deleted before a server starts is unknown to it, and so 404: those are left out.
    """
    app, version = application(folder, source, mode), MODES[mode]
    pattern = folder.parent / f"pattern{source.suffix}"
    source.write(pattern)
    waiting = []
    for number, (name, damage) in enumerate(sample(pattern, bits, list(MODES).index(mode) + len(source.suffix), most)):
        path = folder / f"a{number}{source.suffix}"
        source.write(path)
        held = list(hold(app, f"a{number}", source.read(path), version, warm=mode == "cached"))
        damage(path)
        now = read_now(source, path)
        if mode == "restarted":
            waiting.append((name, path, held, now))
        else:
            yield name, check(held, now, tally)
            remove(path)
    later = application(folder, source, mode)
    for name, path, held, now in waiting:
        known = [one for one in again(held, later) if path.exists() and (now is None or one.path in now)]
        yield name, check(known, now, tally)


def main(bits: int, names: list[str]) -> int:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    total, failures = 0, 0
    for name in names:
        wrong, cells, tally, kinds = 0, 0, Tally(), Counter()
        for mode in MODES:
            with tempfile.TemporaryDirectory() as root:
                folder = Path(root, "data")
                folder.mkdir()
                for damage, reasons in sweep(SOURCES[name], folder, bits, ALL, mode=mode, tally=tally):
                    cells += 1
                    wrong += bool(reasons)
                    if reasons:
                        kinds[damage.split(":")[-1].split("_at_0")[0]] += 1
                        print(f"  {name} {mode} {damage}: {reasons[0]}", flush=True)
        print(f"{name}: {cells} damaged, {wrong} wrong {dict(kinds)}, chunks {tally}", flush=True)
        total, failures = total + cells, failures + wrong
    print(f"{total} damaged sources, {failures} wrong")
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]) if len(sys.argv) > 1 else FEW, sys.argv[2:] or list(SOURCES))))
