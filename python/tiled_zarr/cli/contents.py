"""What a tree holds, in words, as far as it is known without opening its files."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..adapters.common.single import Mounted, Single
from ..hierarchy.openings import reason
from ..nodes import Array, Group, Node
from ..texts import name as as_name

MOST_NODES = 1000
"""Nodes that are counted, at most."""
MOST_SECONDS = 1.0
"""Seconds after which no further node is asked for."""
MOST_NAMED = 5
"""Things that are named with the reason why they are left out."""
MOST_SUFFIXES = 8


@dataclass
class Contents:
    """Counts of kinds of nodes and of suffixes of files, and the reasons for what is left out."""

    kinds: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False

    def lines(self) -> Iterator[str]:
        """Yield a line for what there is, and one for what is left out."""
        counted = [several(self.kinds[kind], kind) for kind in ("array", "table", "group") if self.kinds[kind]]
        if self.files:
            common = ", ".join(f"{count} {suffix}".rstrip() for suffix, count in self.files.most_common(MOST_SUFFIXES))
            rest = ", ..." if len(self.files) > MOST_SUFFIXES else ""
            counted.append(f"{several(self.files.total(), 'file')} to be opened when somebody asks ({common}{rest})")
        if counted:
            yield f"The tree has {'at least ' if self.is_cut else ''}{', '.join(counted)}."
        if self.left_out:
            named = "; ".join(f"{name or '/'}: {why}" for name, why in islice(self.left_out.items(), MOST_NAMED))
            more = len(self.left_out) - MOST_NAMED
            yield f"Left out: {named}" + (f"; and {more} more." if more > 0 else ".")


def contents(root: Group, files: Mapping[str, int], *, deep: bool = False) -> Contents:
    """What is below `root`; `files` has the number of files in folders by suffix.

    With `deep` the root is a file that has just been opened, so what blocks is looked at too. It
    stops after MOST_NODES nodes or MOST_SECONDS seconds, whichever comes first.
    """
    found, end = Contents(files=Counter(files)), time.monotonic() + MOST_SECONDS
    waiting: deque[tuple[str, Group]] = deque([("", root)])
    while waiting and not found.is_cut:
        path, group = waiting.popleft()
        try:
            waiting.extend(groups_in(found, group, path, end, deep=deep))
        except Exception as error:  # noqa: BLE001 - one bad group is one that is left out
            found.left_out[path] = reason(error)
    return found


def groups_in(found: Contents, group: Group, path: str, end: float, *, deep: bool) -> Iterator[tuple[str, Group]]:
    """Count what is right below a group, and yield the groups with their paths."""
    found.left_out |= {below(path, as_name(name)): why for name, why in group.unavailable().items()}
    if group.blocking and not (deep or isinstance(group.children, Mounted)):
        return
    for name in group.children:
        if found.kinds.total() >= MOST_NODES or time.monotonic() > end:
            found.is_cut = True
            return
        node = counted(found, group, name, path, deep=deep)
        if isinstance(node, Group) and node.kind != "table":
            yield below(path, as_name(name)), node


def counted(found: Contents, group: Group, name: str, path: str, *, deep: bool) -> Node | None:
    """A child, after it was counted; None if it is a file that nobody has opened, or fails."""
    if isinstance(group.children, Mounted) and not deep:
        item = group.children.by_name[name]
        if isinstance(item, Single):
            found.files[suffix(Path(item.path))] += 1
            return None
    try:
        node = group.children[name]
    except Exception as error:  # noqa: BLE001 - one bad child is one that is left out
        found.left_out[below(path, as_name(name))] = reason(error)
        return None
    found.kinds["array" if isinstance(node, Array) else "table" if node.kind == "table" else "group"] += 1
    return node


def suffix(path: Path) -> str:
    """The suffix of a file in lower case, without its dot."""
    return path.suffix.lower().removeprefix(".")


def several(count: int, noun: str) -> str:
    """A number and a noun.

    >>> several(1, "array"), several(2, "array")
    ('1 array', '2 arrays')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def below(path: str, name: str) -> str:
    """The path of a child."""
    return f"{path}/{name}" if path else name
