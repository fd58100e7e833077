"""Mimetypes, by which Tiled decides what opens a file, and the formats that we have for them.

Users of Tiled give suffixes mimetypes, mimetypes adapters, and a function that looks at each file.
Here a suffix may also get the name of a format, such as `hdf5`.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from ...nodes import Unavailable
from ..registry import Adapter, file_adapter, suffixes
from .formats import Formats
from .sequences import Rule

Hook: TypeAlias = Callable[[Path, "str | None"], "str | None"]
"""The mimetype of a file, from its path and the mimetype that its suffix means; None if it is no data."""
OPENED = MappingProxyType(
    {
        "application/x-hdf5": ".h5",
        "application/x-netcdf": ".nc",
        "application/x-npy": ".npy",
        "application/x-parquet": ".parquet",
        "application/vnd.apache.parquet": ".parquet",
        "image/jpeg": ".jpg",
        "image/png": ".png",
        "image/tiff": ".tif",
        "text/csv": ".csv",
        "text/csv;header=present": ".csv",
        "text/tab-separated-values": ".tsv",
    }
)
"""The mimetypes that we open, each with a suffix of the format."""
NAMED = MappingProxyType({"hdf5": ".h5", "netcdf": ".nc", "netcdf4": ".nc", "tiff": ".tif", "ome-tiff": ".ome.tif", "jpeg": ".jpg"})
"""Formats by names other than their suffixes."""
OF_SUFFIXES = MappingProxyType(
    {
        ".h5": "application/x-hdf5",
        ".hdf": "application/x-hdf5",
        ".hdf5": "application/x-hdf5",
        ".nxs": "application/x-hdf5",
        ".npy": "application/x-npy",
        ".csv": "text/csv",
        ".parquet": "application/x-parquet",
    }
)
"""The mimetypes that Tiled gives to suffixes before it asks the system."""


class Unknown(ValueError):
    """A format, mimetype or suffix that nothing opens; the text says what may be written instead."""


@dataclass(frozen=True)
class Mimetypes:
    """What an operator says of the files in a folder.

    `by_suffix` has a mimetype or the name of a format for each suffix, `adapters` what opens a
    mimetype, and `hook` is asked about each file. `default` returns an adapter for other
    mimetypes, if there is one.
    """

    by_suffix: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    hook: Hook | None = None
    default: Callable[[str], Adapter | None] = lambda _: None

    def formats(self, rule: Rule) -> Formats:
        """The formats of the folder. Raises Unknown if a suffix or an adapter has no meaning."""
        opened = {suffix.lower(): self._opened(suffix, target) for suffix, target in self.by_suffix.items()}
        for mimetype, adapter in self.adapters.items():
            found = suffixes_of(mimetype)
            if not (found or self.hook or mimetype in self.by_suffix.values()):
                raise Unknown(f"adapter {mimetype}: no suffix means this mimetype; give it one with --ext .SUFFIX={mimetype}")
            opened = {**dict.fromkeys(found, adapter), **opened}
        return Formats(rule, opened, self.chosen if self.hook else None)

    def chosen(self, path: Path) -> Adapter | None:
        """The adapter for the mimetype that the function gives to a file.

        None if it has not changed what the suffix means. Raises Unavailable if the file is no data.
        """
        assert self.hook is not None
        before = meaning(path.name, self.by_suffix)
        mimetype = self.hook(path, before)
        if mimetype == before:
            return None
        if mimetype is None:
            raise Unavailable("it is no data, as the function for mimetypes says")
        adapter = self._adapter(mimetype)
        if adapter is None:
            raise Unavailable(f"no adapter opens {mimetype!r}, the mimetype that the function for mimetypes gives it")
        return adapter

    def _opened(self, suffix: str, target: str) -> Adapter:
        if not suffix.startswith(".") or len(suffix) == 1:
            raise Unknown(f"ext {suffix}={target}: a suffix begins with a dot, as in .{suffix.strip('.') or 'foo'}={target}")
        adapter = self._adapter(target)
        if adapter is None:
            raise Unknown(f"ext {suffix}={target}: nothing opens {target!r}; known are {', '.join(known())}")
        return adapter

    def _adapter(self, target: str) -> Adapter | None:
        """The adapter for a mimetype, or for a format by its name or suffix; None if there is none."""
        if target in self.adapters:
            return self.adapters[target]
        suffix = suffix_of(target)
        return self.default(target) if suffix is None else file_adapter(Path(f"file{suffix}"))


def suffix_of(target: str) -> str | None:
    """A suffix of the format that a mimetype, a name or another suffix means; None if it is unknown.

    >>> suffix_of("image/tiff"), suffix_of("hdf5"), suffix_of("nwb"), suffix_of("audio/ogg")
    ('.tif', '.h5', '.nwb', None)
    """
    plain = f".{target.lower().removeprefix('.')}"
    return OPENED.get(target) or NAMED.get(target.lower()) or (plain if plain in suffixes() else None)


def suffixes_of(mimetype: str) -> list[str]:
    """The suffixes that mean a mimetype, in Tiled and on this system, in alphabetic order.

    >>> suffixes_of("image/tiff")
    ['.ome.tif', '.ome.tiff', '.tif', '.tiff']
    """
    candidates = {*OF_SUFFIXES, *suffixes(), *mimetypes.guess_all_extensions(mimetype)}
    return sorted(suffix for suffix in candidates if meaning(f"file{suffix}") == mimetype)


def meaning(name: str, by_suffix: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """The mimetype of a file by its name, as Tiled finds it; `by_suffix` comes first.

    >>> meaning("a.h5"), meaning("a.b.tif"), meaning("a.foo"), meaning("a.foo", {".foo": "image/tiff"})
    ('application/x-hdf5', 'image/tiff', None, 'image/tiff')
    """
    known = {**OF_SUFFIXES, **{suffix: target for suffix, target in by_suffix.items() if "/" in target}}
    parts = name.split(".")
    endings = (".".join(["", *parts[i:]]) for i in range(1, len(parts)))
    return next((known[ending] for ending in endings if ending in known), None) or mimetypes.guess_type(name)[0]


def known() -> list[str]:
    """The mimetypes and the names of formats that may be given to a suffix."""
    return [*OPENED, *NAMED, *sorted(suffix.removeprefix(".") for suffix in suffixes() if suffix not in NAMED.values())]
