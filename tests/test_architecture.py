"""The import table of docs/design.md, and the length of files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "tiled_zarr"
LONGEST = 400
SOURCES = [path for folder in ("python", "tests", "bench", "rust") for kind in ("py", "rs") for path in (ROOT / folder).rglob(f"*.{kind}")]

VALUES = {"attributes", "budgets", "checks", "codecs", "marks", "names", "nodes", "revisions", "texts", "tojson"}
SPELLING = {"dimensions", "dtypes", "grid", "headers", "records"}
FORMATS = {"v2", "v3"}
MAPPING = {"cache", "documents", "hangs", "keyspace", "metadata", "openings", "places", "served"}
ENCODING = {"encode", "frames", "rowindexes"}
MAY_IMPORT = {
    **dict.fromkeys(VALUES, VALUES),
    **dict.fromkeys(SPELLING, VALUES | SPELLING),
    **dict.fromkeys(FORMATS, VALUES | SPELLING | FORMATS),
    **dict.fromkeys(MAPPING, VALUES | SPELLING | MAPPING),
    **dict.fromkeys(ENCODING, VALUES | SPELLING | MAPPING | ENCODING | {"_native"}),
    "ome": VALUES | {"cache", "ome", "openings", "rowindexes", "_native"},
    "adapters": VALUES | {"adapters", "dtypes", "grid", "records", "_native"},
    "demo": VALUES | {"demo", "__init__"},
    "settings": {"settings", "nodes", "codecs", "dtypes", "metadata"},
    "tree": VALUES | {"adapters", "demo", "openings", "records", "settings", "tree"},
    "http": VALUES | SPELLING | FORMATS | MAPPING | ENCODING | {"http"},
    "app": VALUES | FORMATS | MAPPING | ENCODING | {"app", "http", "ome", "settings", "tree"},
    "cli": {"app", "cli", "demo", "revisions", "settings", "tree", "adapters"},
    "__init__": {"nodes"},
}
"""What the modules of each room may import from the package, rooms being modules and folders at its top."""
OUTSIDE = {
    "starlette": {"http", "app"},
    "jinja2": {"http"},
    "click": {"cli"},
    "hypercorn": {"cli"},
    "blosc2": {"adapters"},
    "yaml": {"settings", "tree"},
}
"""Where alone a library may be imported."""


def modules() -> list[tuple[str, ...]]:
    return sorted(path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py"))


def imports(module: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Absolute dotted names, in parts, of all that a module imports."""
    tree = ast.parse(PACKAGE.joinpath(*module).with_suffix(".py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ("tiled_zarr", *module[: len(module) - node.level]) if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)


def inside(module: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Modules of the package that a module imports, in parts below the package; names that are no modules are cut off."""
    known = {name[:length] for name in modules() for length in range(1, len(name) + 1)} | {("_native",)}
    for name in imports(module):
        if name[0] == "tiled_zarr":
            below = name[1:]
            while below and below not in known:
                below = below[:-1]
            yield below or ("__init__",)


@pytest.mark.parametrize("module", modules(), ids=".".join)
def test_imports_follow_the_table(module: tuple[str, ...]) -> None:
    allowed = MAY_IMPORT[module[0]]
    assert {name[0] for name in inside(module)} - allowed == set()


@pytest.mark.parametrize("module", modules(), ids=".".join)
def test_libraries_stay_in_their_rooms(module: tuple[str, ...]) -> None:
    assert [name[0] for name in imports(module) if module[0] not in OUTSIDE.get(name[0], {module[0]})] == []


@pytest.mark.parametrize("module", [module for module in modules() if module[0] == "adapters" and module[-1] != "__init__"], ids=".".join)
def test_adapters_do_not_import_each_other(module: tuple[str, ...]) -> None:
    """What begins with an underscore or lies in `common`, the helper processes and the registry are no adapters."""
    own = "hdf5" if module[1].startswith("_hdf5") else module[1]
    shared = {own, "common", "helpers"}
    others = [name for name in inside(module) if name[0] == "adapters" and len(name) > 1 and not name[1].startswith("_")]
    assert [name for name in others if name[1] not in shared] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST
