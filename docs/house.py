"""Reads what every module of the package imports, and draws the package as a house.

`python docs/house.py` writes `docs/images/house.svg`; `tests/test_architecture.py` uses the same
functions to check the imports against its table. A *room* is a folder, or a module at the top of
the package. The sources are parsed; nothing is imported here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "tiled_zarr"
PICTURE = ROOT / "docs" / "images" / "house.svg"

VALUES = frozenset(
    [
        "attributes",
        "budgets",
        "checks",
        "clocks",
        "codecs",
        "dtypes",
        "extras",
        "faults",
        "grid",
        "marks",
        "nodes",
        "outlines",
        "options",
        "records",
        "revisions",
        "stored",
        "texts",
        "tojson",
        "version",
    ],
)
"""Modules at the top of the package that every room may import.

The picture draws them as one room.
"""
KINDS = "adapters/kinds"
"""The room in the picture for the folders of adapters, one folder per kind of source."""
SHARED = frozenset({"adapters", "adapters/common", "adapters/helpers"})
"""Folders of adapters that are drawn as rooms of their own."""
LEFT_OUT = frozenset({"__init__", "__main__", "_native"})
"""Modules that the picture leaves out."""
MARGIN, GAP, FLOOR = 16, 16, 92
"""Pixels at the edge of the picture, between two boxes, and from one floor to the next."""
BOX = (172, 52)
"""Width and height of a box, in pixels."""
COLOURS = {"adapters": "#e6f2e6", "http": "#e4ecf7", "ome": "#f7ecdd", "cli": "#f0e8f4", "values": "#fff6d6"}
"""Fill colours by the first part of a room's name."""

Module: TypeAlias = tuple[str, ...]
"""A module, by the parts of its name below the package; a package is named by its folder."""


@cache
def modules() -> Mapping[Module, Path]:
    """Every module of the package with its file; the package itself is `("__init__",)`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts] = path
    return found


@cache
def room(module: Module) -> str:
    """The folder of a module, or the module itself if it is at the top of the package."""
    is_folder = modules().get(module, PACKAGE).name == "__init__.py"
    return "/".join(module if is_folder or len(module) == 1 else module[:-1])


@cache
def imports(module: Module) -> tuple[tuple[str, ...], ...]:
    """The absolute dotted name, in parts, of everything that a module imports anywhere."""
    return tuple(_imports(modules()[module]))


def _imports(path: Path) -> Iterator[tuple[str, ...]]:
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ("tiled_zarr", *folder[: len(folder) - node.level + 1]) if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)


@cache
def known() -> frozenset[Module]:
    """Every module and folder of the package, and the native module."""
    return frozenset({name[:length] for name in modules() for length in range(1, len(name) + 1)} | {("_native",)})


@cache
def inside(module: Module) -> frozenset[Module]:
    """The modules of the package that a module imports.

    An imported name that is not a module is replaced by the module that defines it.
    """
    found = set()
    for name in imports(module):
        if name[0] == "tiled_zarr":
            below = name[1:]
            while below and below not in known():
                below = below[:-1]
            found.add(below or ("__init__",))
    return frozenset(found - {module})


def arrows() -> dict[str, set[str]]:
    """Every room, with the other rooms from which it imports."""
    found: dict[str, set[str]] = {room(module): set() for module in modules()}
    for module in modules():
        found[room(module)] |= {room(name) for name in inside(module)} - {room(module)}
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Names that import each other in a circle, one list per circle; empty if there is none.

    We remove every name that imports none of the names left, until no such name is left. If names
    remain, each of them imports another one of them, so following the arrows from any of them comes
    back to a name that we have met: that is a circle.
    """
    left = {name: set(targets) & set(graph) for name, targets in graph.items()}
    while free := {name for name, targets in left.items() if not targets}:
        left = {name: targets - free for name, targets in left.items() if name not in free}
    found: list[list[str]] = []
    while left:
        way = [min(left)]
        while (after := min(left[way[-1]])) not in way:
            way.append(after)
        circle = way[way.index(after) :]
        found.append(circle)
        left = {name: targets - set(circle) for name, targets in left.items() if name not in circle}
        left = {name: targets for name, targets in left.items() if targets}
    return found


def drawn() -> dict[str, set[str]]:
    """The rooms of the picture with their arrows, without arrows that follow from others.

    The values are one room there, and so are the folders of adapters that nobody imports.
    """
    graph: dict[str, set[str]] = {}
    for name, targets in arrows().items():
        if name not in LEFT_OUT:
            here = _merged(name)
            graph.setdefault(here, set()).update({_merged(target) for target in targets - LEFT_OUT} - {here})
    return {name: {target for target in targets if not _leads(graph, targets - {target}, target)} for name, targets in graph.items()}


def _merged(name: str) -> str:
    if name in VALUES:
        return "values"
    return KINDS if name.startswith("adapters/") and name not in SHARED else name


def _leads(graph: Mapping[str, set[str]], starts: set[str], target: str) -> bool:
    """Whether a path of arrows leads from one of the starts to the target."""
    met: set[str] = set()
    ahead = list(starts)
    while ahead:
        name = ahead.pop()
        if name == target:
            return True
        if name not in met:
            met.add(name)
            ahead += graph[name]
    return False


def floors(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Rooms by floor, top floor first: a room is a floor below the lowest one that imports it."""

    @cache
    def depth(name: str) -> int:
        return 1 + max((depth(other) for other, targets in graph.items() if name in targets), default=-1)

    made: list[list[str]] = [[] for _ in range(1 + max(map(depth, graph)))]
    for name in sorted(graph):
        made[depth(name)].append(name)
    return made


def picture() -> str:
    """The house as SVG: a box for each room, with lines to the rooms below that it imports."""
    graph = drawn()
    storeys = floors(graph)
    widest = max(map(len, storeys))
    width, height = 2 * MARGIN + widest * (BOX[0] + GAP) - GAP, 2 * MARGIN + len(storeys) * FLOOR - (FLOOR - BOX[1])
    corners: dict[str, tuple[float, float]] = {}
    for storey, names in enumerate(storeys):
        left = (width - len(names) * (BOX[0] + GAP) + GAP) / 2
        for place, name in enumerate(sorted(names, key=lambda name: _lean(name, graph, corners))):
            corners[name] = left + place * (BOX[0] + GAP), MARGIN + storey * FLOOR
    lines = [line for name in sorted(graph) for line in _lines(name, graph[name], corners)]
    boxes = [_box(name, corners[name]) for name in sorted(graph)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    back = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, "<title>The rooms of tiled_zarr and what they import</title>", back, *lines, *boxes, "</svg>", ""])


def _lean(name: str, graph: Mapping[str, set[str]], corners: Mapping[str, tuple[float, float]]) -> tuple[float, str]:
    """The sort key of a box on its floor: the mean place of the boxes above, then its name.

    The boxes above are those of the rooms that import it.
    """
    above = [x for other, (x, _) in corners.items() if name in graph[other]]
    return (sum(above) / len(above) if above else 0.0), name


def _lines(name: str, targets: set[str], corners: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    x, y = corners[name][0] + BOX[0] / 2, corners[name][1] + BOX[1]
    for target in sorted(targets):
        end, top = corners[target][0] + BOX[0] / 2, corners[target][1]
        bend = min(FLOOR / 2, (top - y) / 2)
        curve = f"M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {end:.0f} {top - bend:.0f} {end:.0f} {top:.0f}"
        yield f'<path d="{curve}" fill="none" stroke="#8890a8"/>'


def _box(name: str, corner: tuple[float, float]) -> str:
    x, y = corner
    colour = COLOURS.get(name.split("/", maxsplit=1)[0], "#f2f2f2")
    rect = f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="5" fill="{colour}" stroke="#778"/>'
    name_and_more = [(name if name != KINDS else "adapters/...", 20, 14), (line := _said(name), 38, 11 if len(line) < 28 else 10)]
    texts = [
        f'<text x="{x + BOX[0] / 2:.0f}" y="{y + down}" text-anchor="middle" font-size="{size}">{escape(text)}</text>'
        for text, down, size in name_and_more
    ]
    return rect + "".join(texts)


def _said(name: str) -> str:
    """The contents of a room in a few words: the names of its modules, as many as fit."""
    if name == KINDS:
        inner = sorted({room(module).split("/")[1] for module in modules() if _merged(room(module)) == KINDS})
    elif name == "values":
        inner = ["nodes", *sorted(VALUES - {"nodes"})]
    else:
        inner = sorted(module[-1] for module in modules() if room(module) == name and "/".join(module) != name)
    shown = ""
    for word in inner:
        if len(shown) + len(word) > 30:
            return shown + " ..."
        shown += f" {word}"
    return shown.strip()


if __name__ == "__main__":
    PICTURE.write_text(picture())
    print(PICTURE.relative_to(ROOT))  # noqa: T201 - this is its output
