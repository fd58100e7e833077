"""Opens anything that can be named: an object, a file, a folder, a configuration, the demo."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .adapters.directory.open import open_directory
from .adapters.registry import adapt, open_file
from .adapters.remote.addresses import SCHEMES, Address
from .adapters.remote.open import open_remote
from .imported import found
from .nodes import Node, Unavailable
from .resources import Resources
from .settings import SettingsError, from_environment
from .settings.arguments import CONFIGURATIONS, OBJECT
from .tree import plant

DEMO = "demo"
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
KINDS = "a file, a folder, an address such as s3://BUCKET/KEY, MODULE:NAME, or 'demo'"


def open(source: object, *, resources: Resources | None = None) -> Node:  # noqa: A001 - the public name, as gzip.open
    """The node of anything that has one.

    A text or a path is a file or a folder, an address (`s3://`, `gs://`, `az://`, `https://`), a
    configuration file of ours (`.yml`), `module:name`
    (a callable is called), or `demo`; `./demo` is the folder of that name. Anything else is an
    object that an adapter takes: an array, a table, a Dataset, a mapping of any of these, a node.
    Files are opened, and nothing is read before somebody asks for it. `resources` are those of an
    application; without them the process has some for all.

    Raises FileNotFoundError if there is no such file, Unavailable if nothing can open the source;
    the text says what to do. Raises what the source raises if it is damaged or may not be read.
    """
    if isinstance(source, os.PathLike):
        return opened(Path(source), resources)
    if isinstance(source, str):
        return named(source, resources)
    return adapt(source, resources=resources)


def named(text: str, resources: Resources | None) -> Node:
    """The node of what a text names. Raises as `open` does."""
    if text == DEMO:
        from . import demo

        return demo.tree()
    if URL.match(text):
        return open_remote(text, resources) if text.partition("://")[0].lower() in SCHEMES else opened(local(text), resources)
    path = Path(text).expanduser()
    if OBJECT.fullmatch(text) and not path.exists():
        return stated(lambda: adapt(found(text), resources=resources))
    return opened(path, resources)


def opened(path: Path, resources: Resources | None) -> Node:
    """The node of a file, a folder or a configuration file. Raises as `open` does."""
    if path.is_dir():
        return open_directory(path, resources)
    if path.suffix.lower() in CONFIGURATIONS and path.exists():
        return stated(lambda: configured(path, resources))
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {path}{nearest(path)}; give {KINDS}")
    return open_file(path, resources=resources)


def configured(path: Path, resources: Resources | None) -> Node:
    """The root of the tree that a configuration file describes. Raises SettingsError."""
    settings = from_environment({}, tree={"CONFIG": os.fspath(path)})
    if settings.tiled is not None or settings.asks_tiled:
        raise SettingsError(f"{path} describes a server of Tiled's, whose users and policies decide; run `tiled-zarr serve config {path}`")
    return plant(settings, resources=resources).root


def local(url: str) -> Path:
    """The path that a `file:` URL names. Raises Unavailable for a URL of another scheme."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise Unavailable(f"{url}: {parts.scheme}:// is not read; give an object of a library that reads it, or {KINDS}")
    return Path(unquote(parts.path))


def file_name(text: str) -> str:
    """The name of the file, the object in a store or the Python object that a text names.

    >>> file_name("https://host/a%20b.npy?signature=1"), file_name("data/a%20b.npy"), file_name("module:name")
    ('a b.npy', 'a%20b.npy', 'name')
    """
    if not URL.match(text):
        return Path(text).name.rpartition(":")[2]
    return Address.of(text).name if text.partition("://")[0].lower() in SCHEMES else local(text).name


def nearest(path: Path) -> str:
    """Where the path ends to exist, if that is not its own folder."""
    above = next(folder for folder in path.absolute().parents if folder.exists())
    return "" if above == path.absolute().parent else f", and {above} has no {path.absolute().relative_to(above).parts[0]!r}"


def stated(make: Callable[[], Node]) -> Node:
    """The node that `make` returns. Raises Unavailable in place of SettingsError."""
    try:
        return make()
    except SettingsError as error:
        raise Unavailable(str(error)) from error
