"""What happens to files: cut short, emptied, replaced, deleted, one bit turned."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
import PIL.Image

from adapters.damage.sources import remove

PICTURE = io.BytesIO()
PIL.Image.fromarray(np.full((40, 50), 9, "u1")).save(PICTURE, "gif")
GARBAGE = Random(9).randbytes(20_000)
OTHER_FORMATS = {
    "gif": PICTURE.getvalue(),
    "html": b"<!doctype html><title>Not found</title>\n<p>Not found, never was\n",
    "zeros": bytes(20_000),
}
CUTS = {"a_third": (1, 3), "half": (1, 2), "two_thirds": (2, 3), "nearly_all": (99, 100)}

Damage: TypeAlias = Callable[[Path], object]


def cut(path: Path, part: tuple[int, int]) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size * part[0] // part[1])


def cut_last_byte(path: Path) -> None:
    cut(path, (path.stat().st_size - 1, path.stat().st_size))


def flip(path: Path, place: float, bit: int) -> None:
    """Turn one bit at a place between 0 and 1 of the file."""
    with path.open("r+b") as file:
        file.seek(int(place * path.stat().st_size))
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1 << bit]))


WHOLE: Mapping[str, Damage] = {
    "emptied": lambda path: cut(path, (0, 1)),
    **{f"cut_at_{name}": partial(cut, part=part) for name, part in CUTS.items()},
    "cut_by_a_byte": cut_last_byte,
    "garbage": lambda path: path.write_bytes(GARBAGE),
    "garbage_of_the_same_size": lambda path: path.write_bytes((GARBAGE * 100)[: path.stat().st_size]),
    **{f"replaced_by_{name}": lambda path, data=data: path.write_bytes(data) for name, data in OTHER_FORMATS.items()},
    "deleted": remove,
}


def flips(count: int, seed: int) -> Iterator[tuple[str, Damage]]:
    """Flips of single bits, a third of them in the first or last hundredth of the file.

    Headers, footers and indexes lie there.
    """
    random = Random(seed)
    for number in range(count):
        place = random.random()
        if number % 3 == 0:
            place = place / 100 if number % 2 else 1 - (1 - place) / 100
        yield f"bit_at_{place:.6f}", partial(flip, place=place, bit=random.randrange(8))


def files_of(path: Path) -> list[Path]:
    """The files of a source, itself if it is one."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def damages(path: Path, bits: int, seed: int) -> list[tuple[str, Damage]]:
    """Every damage to a source, each to be done once to a fresh one.

    In a folder, one file is damaged at a time.
    """
    if not path.is_dir():
        return [*WHOLE.items(), *flips(bits, seed)]
    names = [file.relative_to(path) for file in files_of(path)]
    kinds = [*WHOLE.items(), *flips(-(-bits // len(names)), seed)]
    return [("deleted", remove), *((f"{name}:{kind}", inside(name, damage)) for name in names for kind, damage in kinds)]


def inside(name: Path, damage: Damage) -> Damage:
    """The damage of a file in a folder."""
    return lambda root: damage(root / name)


def sample(path: Path, bits: int, seed: int, most: int) -> list[tuple[str, Damage]]:
    """At most so many of them, by lot."""
    found = damages(path, bits, seed)
    return Random(seed).sample(found, min(most, len(found)))
