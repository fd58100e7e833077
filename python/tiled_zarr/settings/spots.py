"""Where in a YAML file something stands: the file, the line and the key, for messages."""

from __future__ import annotations

from dataclasses import dataclass, replace

import yaml


@dataclass(frozen=True, slots=True)
class Spot:
    """A key or an item in a YAML file.

    `path` spells it as in Python, `line` is its line from 1 on; both are empty for the whole file.
    `node` is its value as YAML parsed it, or None if the file is empty.
    """

    file: str
    node: yaml.Node | None
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.file}{line}: {self.path}" if self.path else f"{self.file}{line}"

    def at(self, key: str) -> Spot:
        """The value under a key of a mapping."""
        return replace(self.of(key), path=f"{self.path}.{key}" if self.path else key)

    def named(self, key: str) -> Spot:
        """The value under a key that is no setting's name but a path of a node."""
        return replace(self.of(key), path=f"{self.path}[{key!r}]")

    def item(self, number: int) -> Spot:
        """An item of a list."""
        node = self.node.value[number] if isinstance(self.node, yaml.SequenceNode) else None
        return Spot(self.file, node, f"{self.path}[{number}]", self.line if node is None else node.start_mark.line + 1)

    def repeated(self) -> Spot | None:
        """The second place of a repeated key, which YAML takes; None if the mapping has none."""
        seen: set[str] = set()
        for name, value in self.node.value if isinstance(self.node, yaml.MappingNode) else ():
            if name.value in seen:
                return replace(self.at(name.value), node=value, line=name.start_mark.line + 1)
            seen.add(name.value)
        return None

    def of(self, key: str) -> Spot:
        """A key's line and value, without its spelling; the mapping's place if it lacks the key."""
        pairs = self.node.value if isinstance(self.node, yaml.MappingNode) else ()
        for name, value in pairs:
            if name.value == key:
                return replace(self, node=value, line=name.start_mark.line + 1)
        return replace(self, node=None)
