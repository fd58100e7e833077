"""Opening the children of groups: which are there, which turned out to be bad, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from weakref import WeakKeyDictionary

from .nodes import Damaged, Group, Node, Table, TooLarge, Unavailable

FOLDERS = re.compile(r"(?:/[^/\s'\":,]+)+/(?=[^/\s'\":,])")


class Openings:
    """Opens children and remembers, for each group, those known to be bad.

    `check(node)` raises Unavailable for a node that cannot be shown after all. `changes` counts how often a child turned bad or good.
    Thread-safe: a race repeats an opening at worst.
    """

    def __init__(self, check: Callable[[Node], None]) -> None:
        self._check = check
        self._bad: WeakKeyDictionary[Group | Table, dict[str, str]] = WeakKeyDictionary()
        self.changes = 0

    def child(self, group: Group | Table, name: str, checked: Node | None = None) -> Node | None:
        """One child, or None where there is none that could be shown; `checked` is one that can be. Raises what the source raises."""
        try:
            node = group.children[name]
            if node is not checked:
                self._check(node)
        except KeyError:
            self._note(group, name, None)
            return None
        except Unavailable as why:
            self._note(group, name, reason(why))
            return None
        except Exception as why:
            self._note(group, name, reason(why))
            raise
        self._note(group, name, None)
        return node

    def all(self, group: Group | Table) -> list[tuple[str, Node]]:
        """Every child that can be opened, with the source's name; the others are remembered as bad."""
        opened = []
        for name in list(group.children):
            try:
                node = self.child(group, name)
            except Exception:  # noqa: BLE001, S112 - one bad child must not break its group; `child` has taken its reason down
                continue
            if node is not None:
                opened.append((name, node))
        return opened

    def unavailable(self, group: Group | Table) -> dict[str, str]:
        """Reasons by the source's names: of what was never a child, and of each child known to be bad."""
        return {**group.unavailable(), **self._bad.get(group, {})}

    def _note(self, group: Group | Table, name: str, why: str | None) -> None:
        """Take down why a child is bad, or that it is not."""
        bad = self._bad.get(group) if self.changes else None
        if (bad.get(name) if bad else None) == why:
            return
        self.changes += 1
        if why is None:
            assert bad is not None
            bad.pop(name, None)
        else:
            self._bad.setdefault(group, {})[name] = why


def reason(why: Exception) -> str:
    """What to tell users of an error: its kind and text, without the server's folders.

    >>> reason(OSError("cannot open '/data/secret/a.h5'"))
    "OSError: cannot open 'a.h5'"
    """
    if isinstance(why, Unavailable | Damaged | TooLarge):
        return str(why)
    return f"{type(why).__name__}: {FOLDERS.sub('', str(why))}"
