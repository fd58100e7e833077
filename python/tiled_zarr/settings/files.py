"""Reads settings from a YAML file.

api_key: "a secret"
cache_size: 1GiB
trees:
  - path: /                          a single tree may hang at the root
    directory: measurements          relative to the file
    csv: {delimiter: ";", decimal: ",", encoding: latin-1}
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
from . import parsers
from .values import PARSERS, Mount, Settings, SettingsError, parsed

OPTIONS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "codec": parsers.codec,
        "chunk_shape": parsers.shape,
        "tile_budget": parsers.size,
    }
)
TABLES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "delimiter": parsers.character,
        "header": parsers.boolean,
        "decimal": parsers.decimal,
        "encoding": parsers.encoding,
        "comment": parsers.text,
        "skip_rows": parsers.count,
        "skip_long_rows": parsers.boolean,
    }
)
"""The options for text tables in a directory; an option that is left out is detected per file."""
SOURCES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"demo": parsers.boolean, "directory": parsers.text, "pyobject": parsers.text}
)


def read(path: Path) -> Settings:
    """The settings in the file at `path`.

    Raises SettingsError if the file cannot be read, is not YAML, or has unknown or wrong values.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings in {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    return settings(document or {}, path.name, path.parent)


def settings(document: Any, where: str, folder: Path) -> Settings:
    """The settings in a parsed document; directories in it are relative to `folder`.

    `where` begins every error message. Raises SettingsError.
    """
    checked = mapping(document, where, [*PARSERS, "trees"])
    values = {name: parsed(f"{where}: {name}", PARSERS[name], value) for name, value in checked.items() if name != "trees"}
    if "trees" not in checked:
        return Settings(**values)
    trees = checked["trees"]
    if not isinstance(trees, list) or not trees:
        raise SettingsError(f"{where}: trees: expected a list of trees, got {trees!r}")
    return Settings(trees=tuple(mount(tree, f"{where}: trees[{i}]", folder) for i, tree in enumerate(trees)), **values)


def mount(document: Any, where: str, folder: Path) -> Mount:
    """The mount that one item of `trees` describes. Raises SettingsError."""
    checked = mapping(document, where, ["path", *SOURCES, *OPTIONS, "nodes", "csv"])
    given = {name: parsed(f"{where}.{name}", parse, checked[name]) for name, parse in SOURCES.items() if name in checked}
    if len(given) != 1 or given.get("demo") is False:
        raise SettingsError(f"{where}: expected one of demo: true, directory: PATH, pyobject: MODULE:NAME, got {sorted(given) or 'none'}")
    [(source, target)] = given.items()
    if "csv" in checked and source != "directory":
        raise SettingsError(f"{where}.csv: only a directory has text tables")
    nodes = mapping(checked.get("nodes", {}), f"{where}.nodes", None)
    return Mount(
        path=parsed(f"{where}.path", parsers.text, checked.get("path", "/")).strip("/"),
        source=source,  # type: ignore[arg-type] # a key of SOURCES
        target=str(folder / target) if source == "directory" else "" if source == "demo" else target,
        options=options({name: checked[name] for name in OPTIONS if name in checked}, where),
        csv=tables(checked.get("csv", {}), f"{where}.csv"),
        nodes={path.strip("/"): options(value, f"{where}.nodes[{path!r}]") for path, value in nodes.items()},
    )


def options(document: Any, where: str) -> Options:
    """The options in a mapping that say how arrays are served. Raises SettingsError."""
    checked = mapping(document, where, list(OPTIONS))
    return Options(**{name: parsed(f"{where}.{name}", OPTIONS[name], value) for name, value in checked.items()})


def tables(document: Any, where: str) -> Mapping[str, Any]:
    """The options in a mapping that say how text tables are written. Raises SettingsError."""
    checked = mapping(document, where, list(TABLES))
    return {name: parsed(f"{where}.{name}", TABLES[name], value) for name, value in checked.items()}


def mapping(document: Any, where: str, known: list[str] | None) -> Mapping[str, Any]:
    """The document, checked to be a mapping with text keys, all of them in `known` unless None.

    Raises SettingsError that lists the known keys.
    """
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        raise SettingsError(f"{where}: expected a mapping from names to values, got {document!r}")
    unknown = [name for name in document if known is not None and name not in known]
    if unknown:
        raise SettingsError(f"{where}: unknown {', '.join(map(repr, unknown))}; known are {', '.join(known or ())}")
    return document
