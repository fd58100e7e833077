"""Reads what every module of the package imports, and draws the house of it.

`python docs/house.py` writes `docs/images/house.svg`; `tests/test_architecture.py` asks the same
functions whether the imports keep to its table. A *room* is a folder, or a module at the top of
the package. Nothing is imported here: the sources are parsed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "tiled_zarr"

Module: TypeAlias = tuple[str, ...]
"""A module by the parts of its name below the package; a package is its folder."""


@cache
def modules() -> Mapping[Module, Path]:
    """Every module of the package, and its file; the package itself is `("__init__",)`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts] = path
    return found


@cache
def room(module: Module) -> str:
    """The folder that a module lies in, or the module itself at the top of the package."""
    is_folder = modules().get(module, PACKAGE).name == "__init__.py"
    return "/".join(module if is_folder or len(module) == 1 else module[:-1])


def imports(module: Module) -> Iterator[tuple[str, ...]]:
    """Absolute dotted names, in parts, of all that a module imports, wherever in it that stands."""
    path = modules()[module]
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ("tiled_zarr", *folder[: len(folder) - node.level + 1]) if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)


def inside(module: Module) -> set[Module]:
    """Modules of the package that a module imports; names that are no modules are cut off."""
    known = {name[:length] for name in modules() for length in range(1, len(name) + 1)} | {("_native",)}
    found = set()
    for name in imports(module):
        if name[0] == "tiled_zarr":
            below = name[1:]
            while below and below not in known:
                below = below[:-1]
            found.add(below or ("__init__",))
    return found - {module}


def arrows() -> dict[str, set[str]]:
    """The rooms, and for each the other rooms that it imports from."""
    found: dict[str, set[str]] = {room(module): set() for module in modules()}
    for module in modules():
        found[room(module)] |= {room(name) for name in inside(module)} - {room(module)}
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Names that import each other around a circle, one list a circle; empty if there is none.

    What imports nothing that is left is taken away until nothing can be; a circle is what stays.
    From any name that stays, following arrows must come back to a name that was met.
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
