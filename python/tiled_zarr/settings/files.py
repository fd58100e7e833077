"""Reads settings from a YAML file.

api_key: "a secret"
cache_size: 1GiB
trees:
  - path: /                          a single tree may hang at the root
    directory: measurements          relative to the file
    csv: {delimiter: ";", decimal: ",", encoding: latin-1}
    sequences: none                  each numbered image by itself
    ext: {.foo: image/tiff, .h5ad: hdf5}
  - path: /beamline
    tiled: https://tiled.example     read with tiled_key
  - path: /runs
    catalog: postgresql://reader@db.example/tiled
    read: [/data/runs]               where the files are
  - path: /survey
    remote: s3://bucket/survey/      credentials are taken from the environment
    store: {endpoint: "https://s3.example", region: eu-north-1, anonymous: true}
  - path: /model
    pyobject: simulation:tree
    codec: zstd:3
    nodes:
      fields/pressure: {chunk_shape: [64, 64, 64]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from ..nodes import Options
from . import deployments, parsers, syntaxes
from .declarations import SettingsError, described, nearest, parsed
from .directories import DIRECTORY
from .mounts import Mount
from .spots import Spot
from .values import SETTINGS, Settings

OPTIONS = MappingProxyType(
    {
        "codec": SETTINGS["codec"],
        "chunk_shape": SETTINGS["chunk_shape"],
        "tile_budget": SETTINGS["tile_budget"],
        "frozen": described(parsers.boolean, "Whether the data never change: then caches keep them for a year without asking."),
    }
)
"""The options of a tree and of a node; a node's own win over those of its tree."""
TABLES = MappingProxyType(
    {
        "delimiter": described(parsers.character, "The character between two fields; a blank stands for runs of blanks."),
        "header": described(parsers.boolean, "Whether the first line names the columns."),
        "decimal": described(parsers.decimal, "The decimal separator of numbers: `.` or `,`."),
        "encoding": described(parsers.encoding, "The encoding of the text, such as utf-8 or latin-1."),
        "comment": described(parsers.text, "How a line begins that is not read."),
        "skip_rows": described(parsers.count, "Lines at the beginning that are not read."),
        "skip_long_rows": described(parsers.boolean, "Leave out rows with more fields than columns, which make a table damaged otherwise."),
    }
)
"""The options for text tables in a directory; an option that is left out is detected per file."""
SOURCES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"demo": parsers.boolean, "directory": parsers.text, "file": parsers.text}
    | dict.fromkeys(["pyobject", "catalog", "tiled", "remote"], parsers.text)
)
FILES = frozenset({"directory", "file"})
"""The sources that are files, whose paths are relative to the folder of the settings."""
SUFFIXED = FILES | {"remote"}
"""The sources that are opened by their suffixes."""
STORE = MappingProxyType(
    {
        "endpoint": described(parsers.text, "URL of a store that speaks S3, GCS or Azure."),
        "region": described(parsers.text, "Region of an S3 bucket."),
        "account": described(parsers.text, "Account of an Azure container."),
        "anonymous": described(parsers.boolean, "Whether requests are not signed."),
    }
)
"""The options of an object store; credentials are only taken from the environment."""
TREE_KEYS = ("path", *SOURCES, *OPTIONS, "nodes", "csv", "read", "store", *DIRECTORY)
"""The keys of an item of `trees`."""
SUFFIXES = (".yml", ".yaml")
"""Those of the files of a folder that Tiled reads."""
TREE = "trees: [{directory: measurements}], or [{demo: true}], or [{pyobject: 'module:name'}]"
"""What to write into a file that names no tree."""


def read(path: Path) -> Settings:
    """The settings in the file at `path`, or those that a configuration of Tiled's server leaves to us.

    A folder of files is one of Tiled's. Raises SettingsError if a file cannot be read, is not YAML,
    has unknown or wrong values, or names no tree.
    """
    if path.is_dir():
        return of_tiled(path, [loaded(file) for file in sorted(path.iterdir()) if file.is_file() and file.suffix in SUFFIXES])
    where, document = loaded(path)
    syntax = syntaxes.syntax_of(document, where, TREE_KEYS)
    if syntax == "tiled":
        return of_tiled(path, [(where, document)])
    try:
        return settings(document, where, path.parent)
    except SettingsError as error:
        if syntax is None:
            raise SettingsError(f"{error}; {syntaxes.HINT}") from error
        raise


def loaded(path: Path) -> tuple[Spot, Any]:
    """A file, parsed: the place of the whole, and its content, which is a mapping if it is empty. Raises SettingsError."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        document = None if node is None else loader.construct_document(node)
    except OSError as error:
        raise SettingsError(f"cannot read the settings in {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    return Spot(path.name, node), {} if document is None else document


def of_tiled(path: Path, files: deployments.Files) -> Settings:
    """The settings that the options of uvicorn in a configuration of Tiled's give, and where it is.

    Raises SettingsError if one of the files has keys of ours, or a value is wrong.
    """
    for where, document in files:
        if syntaxes.syntax_of(document, where, TREE_KEYS) == "ours":
            raise SettingsError(f"{where} is in tiled-zarr's syntax: name this file, since only Tiled's configuration may be a folder")
    given = deployments.of_uvicorn(files, SETTINGS)
    values = {name: value for name, (value, _) in given.items()}
    spellings = {name: str(where) for name, (_, where) in given.items()}
    return Settings(trees=(), tiled=deployments.deployment(path, files), spellings=spellings, **values)


def settings(document: Any, where: Spot, folder: Path) -> Settings:
    """The settings in a parsed document; directories in it are relative to `folder`.

    Raises SettingsError, which begins with the file, the line and the key.
    """
    checked = mapping(document, where, [*SETTINGS, "trees"])
    values = {name: parsed(where.at(name), SETTINGS[name].parse, value) for name, value in checked.items() if name != "trees"}
    if "trees" not in checked:
        raise SettingsError(f"{where} names no tree to serve: add a line such as {TREE}")
    trees, below = checked["trees"], where.at("trees")
    if not isinstance(trees, list) or not trees:
        raise SettingsError(f"{below}: expected a list of trees, got {trees!r}; write {TREE}")
    mounts = tuple(mount(tree, below.item(i), folder) for i, tree in enumerate(trees))
    return Settings(trees=mounts, spellings={name: str(where.at(name)) for name in values}, **values)


def mount(document: Any, where: Spot, folder: Path) -> Mount:
    """The mount that one item of `trees` describes. Raises SettingsError."""
    checked = mapping(document, where, list(TREE_KEYS))
    given = {name: parsed(where.at(name), parse, checked[name]) for name, parse in SOURCES.items() if name in checked}
    if len(given) != 1 or given.get("demo") is False:
        kinds = "demo: true, directory: PATH, file: PATH, pyobject: MODULE:NAME, catalog: URI, tiled: URL, remote: URL"
        raise SettingsError(f"{where}: expected one of {kinds}, got {sorted(given) or 'none'}")
    [(source, target)] = given.items()
    if "csv" in checked and source not in SUFFIXED:
        raise SettingsError(f"{where.at('csv')}: only a directory or a file has text tables")
    of_files = [name for name in DIRECTORY if name in checked]
    if "store" in checked and source != "remote":
        raise SettingsError(f"{where.at('store')}: only a remote tree has a store")
    if of_files and source not in SUFFIXED:
        raise SettingsError(f"{where.at(of_files[0])}: only a directory or a file has files")
    if "read" in checked and source != "catalog":
        raise SettingsError(f"{where.at('read')}: only a catalog names where its data may be")
    below = where.at("nodes")
    nodes = mapping(checked.get("nodes", {}), below, None)
    return Mount(
        path=parsed(where.at("path"), parsers.text, checked.get("path", "/")).strip("/"),
        source=source,  # type: ignore[arg-type] # a key of SOURCES
        target=str(folder / target) if source in FILES else "" if source == "demo" else target,
        options=options({name: checked[name] for name in OPTIONS if name in checked}, where),
        csv=tables(checked.get("csv", {}), where.at("csv")),
        files={name: parsed(where.at(name), DIRECTORY[name].parse, checked[name]) for name in of_files},
        store=of_store(checked.get("store", {}), where.at("store")),
        read=places(checked.get("read", []), where.at("read"), folder),
        nodes={path.strip("/"): options(value, below.named(path)) for path, value in nodes.items()},
    )


def options(document: Any, where: Spot) -> Options:
    """The options in a mapping that say how arrays are served. Raises SettingsError."""
    checked = mapping(document, where, list(OPTIONS))
    return Options(**{name: parsed(where.at(name), OPTIONS[name].parse, value) for name, value in checked.items()})


def tables(document: Any, where: Spot) -> Mapping[str, Any]:
    """The options in a mapping that say how text tables are written. Raises SettingsError."""
    checked = mapping(document, where, list(TABLES))
    return {name: parsed(where.at(name), TABLES[name].parse, value) for name, value in checked.items()}


def of_store(document: Any, where: Spot) -> Mapping[str, Any]:
    """The options in a mapping that say how an object store is reached. Raises SettingsError."""
    checked = mapping(document, where, list(STORE))
    return {name: parsed(where.at(name), STORE[name].parse, value) for name, value in checked.items()}


def places(document: Any, where: Spot, folder: Path) -> tuple[str | Mapping[str, Any], ...]:
    """The folders and stores in a list in which the data of a catalog may be; folders are relative to `folder`.

    Raises SettingsError.
    """
    if not isinstance(document, list) or not all(isinstance(place, str | dict) for place in document):
        raise SettingsError(f"{where}: expected a list of folders, got {document!r}; write read: [FOLDER, ...]")
    return tuple(place if isinstance(place, dict) or "://" in place else str(folder / place) for place in document)


def mapping(document: Any, where: Spot, known: list[str] | None) -> Mapping[str, Any]:
    """The document, checked to be a mapping with text keys, all of them in `known` unless None.

    Raises SettingsError that names the first key that is given twice, or the first unknown key with
    the known one nearest to it and all known keys.
    """
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        raise SettingsError(f"{where}: expected a mapping from names to values, got {document!r}")
    if (repeated := where.repeated()) is not None:
        raise SettingsError(f"{repeated}: given twice; keep one of the two")
    unknown = next((name for name in document if known is not None and name not in known), None)
    if known is not None and unknown is not None:
        raise SettingsError(f"{where.at(unknown)}: unknown{nearest(unknown, known)}; known are {', '.join(known)}")
    return document
