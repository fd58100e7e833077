"""Which files of a served folder are data, which adapter opens each, and which are one stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from ...nodes import Unavailable
from ..registry import Adapter, file_adapter, suffixes
from .sequences import Rule

Chooser: TypeAlias = Callable[[Path], Adapter | None]
"""The adapter for a file, None if its suffix decides. Raises Unavailable if the file is no data."""
BY_NO_SUFFIX: Mapping[str, Adapter] = MappingProxyType({})


@dataclass(frozen=True)
class Formats:
    """The formats of a served folder and all folders below it.

    `sequences` says which numbered files are one stack. An adapter in `by_suffix` wins over the
    installed one; its suffixes are in lower case, with their dots. `chosen`, if given, is asked
    about each file, and wins over both.
    """

    sequences: Rule = "numbers"
    by_suffix: Mapping[str, Adapter] = field(default_factory=lambda: BY_NO_SUFFIX)
    chosen: Chooser | None = None

    @property
    def suffixes(self) -> frozenset[str]:
        """The suffixes of files that are data, in lower case, with their dots."""
        return suffixes() | self.by_suffix.keys()

    def adapter(self, path: Path) -> Adapter:
        """The adapter for a file: by the longest known suffix of its name, in any case.

        Raises Unavailable if there is none.
        """
        adapter = None if self.chosen is None else self.chosen(path)
        adapter = adapter or self._by_suffix(path.name)
        if adapter is None:
            raise Unavailable(f"no adapter is installed for {path.name!r}")
        return adapter

    def _by_suffix(self, name: str) -> Adapter | None:
        known, parts = self.suffixes, name.lower().split(".")
        endings = (".".join(["", *parts[i:]]) for i in range(1, len(parts)))
        longest = next((ending for ending in endings if ending in known), "")
        return self.by_suffix.get(longest) or file_adapter(Path(name))


DEFAULT = Formats()
"""The installed formats; two or more numbered files are one stack."""
