"""Reads what `tiled-zarr serve ANYTHING...` is to serve into mounts, or finds the configuration.

An argument is an address, `demo`, a file or folder, a pattern such as `*.tif`, or `module:name`, in
this order: a file or folder that exists is never taken for `module:name`.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..adapters.registry import suffixes
from .declarations import SettingsError
from .directories import DIRECTORY
from .mounts import Mount, Source

SEPARATOR = "\0"
"""Stands between two arguments in one text; no path holds it."""
CONFIGURATIONS = (".yml", ".yaml")
DATABASES = ("sqlite", "postgresql")
STORES = frozenset({"s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})
"""Schemes of the addresses of objects, besides those of web servers."""
ELSEWHERE = frozenset({"gcs", "ftp", "sftp", "memory", "hdfs"})
"""Schemes of addresses that nobody reads for us."""
COPY = "copy it to a folder or mount it, and serve that"
FILES = frozenset({"directory", "file", "remote"})
"""The sources that are opened by their suffixes."""
OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing to serve, and the names that it may have as a child, best first."""

    source: Source
    target: str
    names: tuple[str, ...]


def configuration(words: Sequence[str]) -> Path | None:
    """The configuration file that the arguments name, or None.

    Raises SettingsError if there are other arguments besides it.
    """
    paths = [path for word in words for path in matching(word)]
    found = [path for path in paths if path.suffix.lower() in CONFIGURATIONS and path.is_file()]
    if found and len(paths) > 1:
        raise SettingsError(f"{found[0]} is a configuration: serve it alone, or leave it out; it can name files and folders itself")
    return found[0] if found else None


def mounts(words: Sequence[str], files: Mapping[str, Any], read: tuple[str, ...] = ()) -> tuple[Mount, ...]:
    """The mounts of the arguments: at the root if it is one thing, else each at its name.

    `files` are the options for files and folders, `read` the places of a catalog's data. Raises
    SettingsError if an argument cannot be served, two have the same name, or no argument has files.
    """
    things = [thing for word in words for thing in things_of(word, files.get("ext", {}))]
    things = list({(thing.source, thing.target): thing for thing in things}.values())
    has_files = any(thing.source in FILES for thing in things)
    if files and not has_files:
        option = "--" + next(name for name in DIRECTORY if name in files).replace("_", "-")
        raise SettingsError(f"{option}: nothing that is served here is a file or a folder; leave it out")
    if read and not any(thing.source == "catalog" for thing in things):
        raise SettingsError("--read: nothing that is served here is a catalog; leave it out")
    single = [mount(thing, files, read) for thing in things]
    if len(things) == 1:
        return tuple(single)
    return tuple(replace(one, path=name, bare=True) for one, name in zip(single, distinct(things), strict=True))


def mount(thing: Thing, files: Mapping[str, Any], read: tuple[str, ...]) -> Mount:
    """The mount of one thing at the root."""
    of_files = files if thing.source in FILES else {}
    return Mount(source=thing.source, target=thing.target, files=of_files, read=read if thing.source == "catalog" else ())


def things_of(word: str, ext: Mapping[str, str]) -> list[Thing]:
    """What one argument means: one thing, or the files of a pattern. Raises SettingsError."""
    scheme = urlsplit(word).scheme if "://" in word else ""
    if scheme not in {"", "file"}:
        return [at_address(word, scheme, ext)]
    if word == "demo":
        return [Thing("demo", "", ("demo",))]
    if found := matching(word):
        return [at_path(one, ext) for one in found]
    if PATTERN & {*word}:
        raise SettingsError(f"{word}: no file or folder matches this pattern")
    if OBJECT.fullmatch(word):
        return [Thing("pyobject", word, (word.rpartition(":")[2],))]
    raise SettingsError(f"{word}: there is no such file or folder; write a Python object as MODULE:NAME, a server as https://HOST")


def matching(word: str) -> list[Path]:
    """The file or folder that an argument names, or those that match it as a pattern, sorted."""
    path = path_of(word)
    if path.exists():
        return [path]
    return [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 - as a shell does


def path_of(word: str) -> Path:
    """The path that an argument spells, as such or as file:// address.

    Raises SettingsError if the address is one on another machine.
    """
    if not word.startswith("file://"):
        return Path(word).expanduser()
    parts = urlsplit(word)
    if parts.netloc not in {"", "localhost"}:
        raise SettingsError(f"{word}: {parts.netloc} is another machine; a path on this one is file:///PATH")
    return Path(unquote(parts.path))


def at_path(path: Path, ext: Mapping[str, str]) -> Thing:
    """A file or folder; if its name is taken, it is called by its suffix too, then by its folder."""
    parts = [part for part in Path(os.path.abspath(path)).parts if part != os.sep] or ["root"]  # noqa: PTH100 - links keep their names
    longer = ("/".join(parts[i:]) for i in range(len(parts) - 1, -1, -1))
    return Thing("directory" if path.is_dir() else "file", str(path), (stem(parts[-1], ext), *longer))


def at_address(word: str, scheme: str, ext: Mapping[str, str]) -> Thing:
    """A catalog, objects of a store or a web server, or a Tiled server.

    Of a web server, an address with a suffix that an adapter reads is that of a file or a store of
    Zarr. Raises SettingsError if the address is one of something else.
    """
    parts = urlsplit(word)
    last = next((part for part in reversed(parts.path.split("/")) if part), "")
    if scheme.partition("+")[0] in DATABASES:
        return Thing("catalog", word, (unquote(stem(last, {".db": ""})) or "catalog",))
    if scheme in STORES:
        return objects(word, word.partition("://")[2], ext)
    if scheme in ELSEWHERE:
        raise SettingsError(f"{word}: {scheme}:// is not read{'; write gs://' if scheme == 'gcs' else f'; {COPY}'}")
    if scheme not in {"http", "https"}:
        raise SettingsError(f"{word}: {scheme}:// is no address that can be served; a Tiled server has http:// or https://")
    if "/api/v1" not in parts.path and stem(last, ext) != last:
        return objects(word, unquote(f"{parts.hostname}{parts.path}"), ext)
    return Thing("tiled", word, (unquote(last) if last != "v1" and last else parts.hostname or "tiled",))


def objects(word: str, path: str, ext: Mapping[str, str]) -> Thing:
    """An object, a store of Zarr or a prefix; `path` begins with its bucket or host."""
    parts = [part for part in path.split("/") if part] or ["objects"]
    longer = ("/".join(parts[i:]) for i in range(len(parts) - 1, -1, -1))
    return Thing("remote", word, (stem(parts[-1], ext), *longer))


def stem(name: str, ext: Mapping[str, str]) -> str:
    """A file's name without its longest known suffix.

    >>> stem("a.b.ome.tif", {}), stem("x.foo", {".foo": "hdf5"}), stem("x.foo", {}), stem(".npy", {})
    ('a.b', 'x', 'x.foo', '.npy')
    """
    known = suffixes() | ext.keys()
    ends = [index for index, letter in enumerate(name) if letter == "." and index and name[index:].lower() in known]
    return name[: ends[0]] if ends else name


def distinct(things: Sequence[Thing]) -> list[str]:
    """A name for each of several things: its first one, or a longer one where two are the same.

    Raises SettingsError if two cannot be told apart.
    """
    choice = [0] * len(things)
    while True:
        names = [thing.names[at] for thing, at in zip(things, choice, strict=True)]
        counts = Counter(names)
        clashing = [i for i, name in enumerate(names) if counts[name] > 1]
        if not clashing:
            return names
        longer = [i for i in clashing if choice[i] + 1 < len(things[i].names)]
        if not longer:
            first, second, *_ = (things[i] for i in clashing if names[i] == names[clashing[0]])
            raise SettingsError(f"{first.target or first.source} and {second.target or second.source} would both be /{names[clashing[0]]}")
        for i in longer:
            choice[i] += 1
