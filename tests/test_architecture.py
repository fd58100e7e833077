"""The import table of docs/design.md, and the length of files."""

from __future__ import annotations

from pathlib import Path

import house
import pytest
from house import VALUES, Module, imports, inside, modules, room

pytestmark = pytest.mark.unmeasured

LONGEST = 400
SOURCES = [
    path
    for folder in ("python", "tests", "bench", "build_backend", "rust")
    for kind in ("py", "rs")
    for path in (house.ROOT / folder).rglob(f"*.{kind}")
]

SHARED = {"caches", "resources"}
MAY_IMPORT: dict[str, set[str]] = {
    "texts": set(),
    "version": set(),
    "codecs": set(),
    "extras": set(),
    "faults": set(),
    "outlines": set(),
    "revisions": set(),
    "caches": set(),
    "tojson": {"texts"},
    "checks": {"texts"},
    "attributes": {"texts", "tojson"},
    "marks": {"attributes"},
    "options": {"checks", "codecs"},
    "stored": {"codecs"},
    "nodes": {"attributes", "checks", "faults", "marks", "options", "outlines", "stored"},
    "clocks": set(),
    "sums": set(),
    "logs": set(),
    "budgets": {"nodes"},
    "hangs": {"nodes"},
    "helpers": {"caches", "nodes"},
    "clusters": {"caches", "extras", "nodes"},
    "resources": {"budgets", "caches", "clusters", "hangs", "helpers"},
    "grid": {"nodes"},
    "dtypes": {"nodes", "texts"},
    "records": {"attributes", "dtypes", "nodes"},
    # a recipe holds the encoder's codec
    "hierarchy": VALUES | SHARED | {"hangs", "_native"},
    "encoding": VALUES | SHARED | {"hierarchy", "_native"},
    "ome/display": VALUES | {"encoding", "resources"},
    # it writes levels as a bake does, and decodes them as those of any store
    "ome/pyramid": VALUES | SHARED | {"adapters/zarr", "hierarchy", "ome/display", "storage", "_native"},
    "views": VALUES | SHARED | {"hierarchy"},
    "minmax": VALUES | SHARED | {"ome/display", "ome/pyramid", "views", "_native"},
    "ome": VALUES | SHARED | {"ome/display", "ome/pyramid", "views"},
    "adapters": {"attributes", "extras", "nodes", "resources"},
    "adapters/common": VALUES | SHARED | {"_native"},
    "adapters/hdf5": VALUES | SHARED | {"adapters/common", "helpers", "_native"},
    "adapters/zarr": VALUES | SHARED | {"adapters/common", "_native"},
    **dict.fromkeys(["adapters/files", "adapters/tables", "adapters/tables/csv", "adapters/tiff"], VALUES | SHARED | {"adapters/common"}),
    **dict.fromkeys(["adapters/directory", "adapters/remote"], VALUES | SHARED | {"adapters/common", "adapters"}),
    "adapters/memory": VALUES | SHARED | {"adapters/common", "adapters", "clusters"},
    "tiled": {"tiled/config", "tiled/server"},
    "tiled/catalog": VALUES | SHARED | {"adapters", "adapters/common", "adapters/memory"},
    "tiled/server": VALUES
    | SHARED
    | {
        "adapters",
        "adapters/memory",
        "assembly",
        "http/middleware",
        "http/protocol",
        "http/site",
        "settings",
        "tiled/catalog",
        "tree",
        "views",
    },
    "demo": {"nodes", "version"},
    # a file is called by its name without the suffix of a format
    "settings": {"adapters", "clusters", "codecs", "dtypes", "extras", "hierarchy", "nodes", "resources", "revisions"},
    "tiled/proxy": VALUES | SHARED | {"encoding", "adapters", "adapters/common", "adapters/memory", "http/middleware", "http/protocol"},
    "tiled/files": {"adapters", "adapters/common", "adapters/directory", "adapters/memory", "nodes", "resources", "tiled/catalog"},
    "tree": VALUES
    | {
        "adapters",
        "adapters/common",
        "adapters/directory",
        "adapters/memory",
        "adapters/remote",
        "clusters",
        "demo",
        "hierarchy",
        "imported",
        "resources",
        "settings",
    }
    | {"tiers", "tiled/catalog", "tiled/files", "tiled/proxy", "views"},
    "tiers": {"caches", "extras", "settings"},
    "imported": {"settings"},
    # it compresses documents and keeps them
    "http/protocol": {"caches", "encoding", "hierarchy", "nodes", "texts"},
    "http/work": VALUES | SHARED | {"encoding", "hierarchy"},
    "http/live": {"hierarchy", "nodes", "http/protocol", "http/work"},
    "http/middleware": {"caches", "clocks", "nodes", "resources", "sums", "http/protocol", "http/work"},
    # it shows and hands out values, which are read as those of chunks
    "http/site": VALUES | {"caches", "encoding", "hierarchy", "http/protocol"},
    "http": VALUES
    | {"caches", "encoding", "hierarchy", "http/live", "http/middleware", "http/protocol", "http/site", "http/work", "views"},
    "http/s3": {"hierarchy", "http", "http/protocol", "http/work", "nodes", "views"},
    "tiled/config": {"settings", "tiled/server"},
    "app": {"assembly", "logs", "settings", "tiled/config", "tree"},
    "assembly": VALUES
    | {"hierarchy", "http", "http/middleware", "http/protocol", "http/s3", "http/site", "http/work"}
    | {"baking", "minmax", "ome", "resources", "settings", "sums", "tree", "views"},
    "cli/servers": set(),
    # the command says what a tree holds, and how one chunk of it is made
    "cli": {"_native", "adapters/common", "encoding", "hierarchy", "nodes", "resources", "version"}
    | {"app", "assembly", "baking", "cli/servers", "logs", "revisions", "settings", "sums", "texts", "tiled/config", "tree"},
    "opening": {"adapters", "adapters/directory", "adapters/remote", "demo", "imported", "nodes", "resources", "settings", "tree"},
    # it reads what it has written before there is a document that an adapter could open
    "baking": VALUES
    | {"_native", "adapters/common", "adapters/remote", "adapters/zarr", "encoding", "hierarchy", "ome", "ome/pyramid"}
    | {"caches", "clusters", "opening", "resources", "settings", "storage", "tree", "version", "views"},
    "storage": VALUES | {"_native", "adapters/zarr", "hierarchy"},
    "stores": {"codecs", "encoding", "extras", "hierarchy", "nodes", "opening"},
    "serving": {"adapters/common"}
    | {"assembly", "cli", "cli/servers", "hierarchy", "nodes", "opening", "resources", "revisions", "settings", "tree", "views"},
    "xarray": {"serving"},
    # asks the whole application, as a client does; imported by the tests of adapters alone
    "testing": {"app", "grid", "hierarchy", "nodes", "records", "settings"},
    "__init__": {"adapters/common", "baking", "nodes", "opening", "resources", "revisions", "serving", "stores", "version"},
    "__main__": {"cli"},
}
"""What a room's modules may import from other rooms; a room is a folder, or a module at the top."""
OUTSIDE = {
    "starlette": {"http", "app", "assembly", "serving", "tiled"},
    "fastapi": {"tiled"},
    "jinja2": {"http"},
    "click": {"cli"},
    "hypercorn": {"cli"},
    "blosc2": {"adapters"},
    "distributed": {"clusters"},
    "yaml": {"settings", "tree"},
    "tiled": {"tiled"},
    "sqlalchemy": {"tiled"},
    "httpx": {"tiled"},
    "redis": {"caches"},
    "pytest": {"testing"},
    "hypothesis": {"testing"},
}
"""Where alone a library may be imported."""


@pytest.mark.parametrize("module", modules(), ids=".".join)
def test_imports_follow_the_table(module: Module) -> None:
    assert {room(name) for name in inside(module)} - {room(module)} - MAY_IMPORT[room(module)] == set()


def test_the_table_has_no_other_rooms() -> None:
    assert set(MAY_IMPORT) == set(house.arrows())


def test_the_picture_is_up_to_date() -> None:
    """`python docs/house.py` draws it anew."""
    assert house.PICTURE.read_text() == house.picture()


def test_no_modules_import_each_other_around_a_circle() -> None:
    """Imports inside functions count too: they hide a circle, and do not open it."""
    graph = {".".join(module): {".".join(name) for name in inside(module)} for module in modules()}
    assert house.circles(graph) == []


def test_no_rooms_import_each_other_around_a_circle() -> None:
    assert house.circles(house.arrows()) == []


@pytest.mark.parametrize(
    ("graph", "circle"),
    {
        "two": ({"a": "b", "b": "a"}, ["a", "b"]),
        "three and a way in": ({"x": "a", "a": "b", "b": "c", "c": "a"}, ["a", "b", "c"]),
        "itself": ({"a": "a"}, ["a"]),
    }.values(),
)
def test_a_circle_is_found(graph: dict[str, str], circle: list[str]) -> None:
    assert house.circles(graph) == [circle]


@pytest.mark.parametrize("module", modules(), ids=".".join)
def test_libraries_stay_in_their_rooms(module: Module) -> None:
    assert [name[0] for name in imports(module) if module[0] not in OUTSIDE.get(name[0], {module[0]})] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(Path(path).relative_to(house.ROOT)))
def test_a_file_has_one_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST
