"""Opening the children of groups: which are there, which turned out to be bad, and why.

Whatever a child or the mapping of a group does (it raises, it lies, it does not end), it does to that
child or that group alone: documents of its group leave it out and name it with the reason, and its own
keys answer 5xx.

To ask every child each time a document is made would be too slow (a folder of 10,000 files takes
seconds), and to believe that a child that was good once stays good would be wrong. So `Openings` keeps
the bad children of each group, by weak references, and learns from every opening, whoever asks:

- `child` opens one, and notes that it is bad if that raises, or that it has recovered.
- `all` opens those that a document or a listing tells of, and also asks each for its revision and its
  first child's name, since a group that cannot be listed is bad too.
- `fail` notes a child that opened but failed when a document was made. It counts as bad until all that
  documents say of it (`look`) can be made again, not when it merely opens.

Invariant: `turned` grows whenever a child turns bad or good, so a document that was made at the same
`changes` names the same children. A child that hangs is refused without being asked (hangs.py). Only
names that a group lists are kept, since anybody can ask for others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import islice
from typing import NamedTuple
from weakref import WeakKeyDictionary, WeakSet, ref

from .. import records, texts
from ..hangs import Hangs
from ..nodes import Array, Busy, Changed, Damaged, Group, Node, TooLarge, TooSlow, Unavailable
from . import names

NODES = (Array, Group)
"""Made once: `Array | Group` makes a new type at each look, of which there are two a child."""

MOST_BAD = 20_000
"""Bad children that are remembered in a tree, twice as many as nodes are consolidated: 6 MB with names and reasons of usual length, 60 MB
at worst. The oldest are forgotten first, and are found again where their group is looked at."""
MOST_TOLD = 10_000
"""Bad children that are named in one group; the others are counted."""
MOST_NAMES = 1_000_000
"""Names that are listed of one group, whatever it says that it has."""
MOST_UNSAID = 1000
"""Names that a group may list beyond as many as it says that it has: some may be new; with more than that it is taken to have no end."""


class Bad(NamedTuple):
    """Why a child is bad; `is_open` says that it can be opened, and failed when it was asked for what documents tell of it."""

    reason: str
    is_open: bool


class Openings:
    """Opens children and remembers, for each group, those known to be bad.

    `check(node)` raises Unavailable for a node that cannot be shown after all. `look(node)` makes all that documents of the groups above
    say of a node, and raises what fails; `hangs` are the children that hang. Thread-safe: a race repeats an opening at worst.
    """

    def __init__(self, check: Callable[[Node], None], look: Callable[[Node], object], hangs: Hangs) -> None:
        self.hangs = hangs
        self._shown = records.Shown()
        self._check = check
        self._look = look
        self._bad: WeakKeyDictionary[Group, dict[str, Bad]] = WeakKeyDictionary()
        self._nameless: WeakKeyDictionary[Group, dict[str, str]] = WeakKeyDictionary()
        self._order: deque[tuple[ref[Group], str]] = deque()
        self._listed: WeakSet[Node] = WeakSet()
        self.turned = 0
        """How often a child turned bad or good."""

    @property
    def changes(self) -> int:
        """How often a child turned bad or good; this, too, grows when a child begins or ceases to hang anywhere."""
        return self.turned + self.hangs.look()

    def child(self, group: Group, name: str, checked: Node | None = None, *, is_listed: bool = False) -> Node | None:
        """One child, or None where there is none that could be shown; `checked` is one that can be.

        `is_listed` says that it is opened to be told of: it is asked for what is told, which may block, and not waited for as long as one
        that is itself asked for. Raises what the source raises, and Damaged for a name that the group lists and then denies.
        """
        bad = self._bad.get(group, {}).get(name) if self.turned else None
        opened = None
        try:
            opened = self._opened(group, name, checked, is_listed=is_listed)
            if is_listed and opened is not None:
                self._ask(group, name, opened, wholly=bad is not None and bad.is_open)
        except texts.PASSED_ON:
            raise
        except Unavailable as why:
            self._note(group, name, Bad(reason(why), is_open=False))
            return None
        except BaseException as why:
            self._note(group, name, Bad(reason(why), is_open=opened is not None))
            if isinstance(why, Exception):
                raise
            raise Damaged(reason(why)) from why
        if is_listed or bad is None or not bad.is_open:
            self._note(group, name, None)
        return opened

    def names(self, group: Group) -> list[str]:
        """The names of a group's children, each once, without those that cannot stand in a key, which are remembered as bad.

        Raises what listing raises, and Damaged where it has no end.
        """
        most = min(len(group.children), MOST_NAMES) + MOST_UNSAID
        listed = list(islice(group.children, most + 1))
        if len(listed) > most:
            said = f"it says that it has {len(group.children):,} children"
            raise Damaged(f"{said}, and lists more than {most:,}; at most {MOST_NAMES:,} are listed")
        found: dict[str, None] = {}
        nameless: dict[str, str] = {}
        for name in listed:
            why = names.refusal(name)
            if why is None:
                found[name] = None
            elif len(nameless) < MOST_TOLD:
                nameless[_free(nameless, texts.name(name))] = why
        if nameless or group in self._nameless:
            self._nameless[group] = nameless
        return list(found)

    def count(self, group: Group, most: int) -> int:
        """How many children a group has. Where it says that they are more than `most`, as many as it lists of them, up to one more."""
        said = len(group.children)
        return said if said <= most else sum(1 for _ in islice(group.children, most + 1))

    def all(self, group: Group, listed: Iterable[str]) -> list[tuple[str, Node]]:
        """Those children, of the names that are listed, that can be opened; the others are remembered as bad."""
        opened = []
        for name in listed:
            try:
                node = self.child(group, name, is_listed=True)
            except Exception:  # noqa: BLE001, S112 - one bad child must not break its group; `child` has taken its reason down
                continue
            if node is not None:
                opened.append((name, node))
        return opened

    def fail(self, group: Group, name: str, why: BaseException) -> None:
        """Take down that a child, which could be opened, failed when a document was made; the next time all of it is looked at."""
        self._note(group, name, Bad(reason(why), is_open=True))

    def bad(self, group: Group) -> Container[str]:
        """The source's names of the children that are known to be bad."""
        return self._bad.get(group, {})

    def unavailable(self, group: Group) -> dict[str, str]:
        """Reasons by names, as text: of what was never a child, and of each child known to be bad that is still there.

        What cannot be told, and how many more there are than MOST_TOLD, stands under "*".
        """
        for name in [name for name in list(self._bad.get(group, ())) if not self._lists(group, name)]:
            self._note(group, name, None)
        bad = self._bad.get(group, {})
        told: dict[str, str] = {}
        try:
            for name, why in islice(group.unavailable().items(), MOST_TOLD):
                if name not in bad:
                    told[_free(told, texts.name(name))] = texts.line(why if isinstance(why, str) else texts.said_by(why))
        except texts.PASSED_ON:
            raise
        except BaseException as error:  # noqa: BLE001 - what was told until then holds, and so does all that is known here
            told["*"] = texts.line(f"not all that is unavailable can be told: {reason(error)}")
        known = [*self._nameless.get(group, {}).items(), *((name, known.reason) for name, known in [*bad.items()])]
        room = MOST_TOLD - len(told)
        for name, why in known[:room]:
            told[_free(told, texts.name(name))] = why
        if len(known) > room:
            told["*"] = f"and {len(known) - room:,} more"
        return told

    def _opened(self, group: Group, name: str, checked: Node | None, *, is_listed: bool) -> Node | None:
        """The child, or None. Raises Unavailable where it cannot be shown."""
        try:
            node = self.hangs.child(group, name, is_listed=is_listed) if group.blocking else group.children[name]
        except KeyError as why:
            if self._lists(group, name):
                raise Damaged("it is listed, but cannot be opened") from why
            return None
        node = self._shown.of(node)
        if node is None or node is not checked:
            if not isinstance(node, NODES):
                raise Damaged(f"its group gives a {type(node).__name__} for it, which is no node")
            self._check(node)
        return node

    def _ask(self, group: Group, name: str, node: Node, *, wholly: bool) -> None:
        """Ask a child for what documents of the groups above need, or for all that they tell of it. Raises what it raises."""
        try:
            if group.blocking or node.blocking:
                with self.hangs.asking(group, name):
                    self._answer(node, wholly=wholly)
            else:
                self._answer(node, wholly=wholly)
        except (KeyError, Unavailable) as why:  # there is such a child; a reader must not take it for absent
            raise Damaged(texts.of_error(why)) from why

    def _answer(self, node: Node, *, wholly: bool) -> None:
        revision_of(node)
        if isinstance(node, Group) and node not in self._listed:
            next(iter(node.children), None)
            self._listed.add(node)
        if wholly:
            self._look(node)

    def _note(self, group: Group, name: str, why: Bad | None) -> None:
        """Take down why a child is bad, or that it is not. Only names that the group lists are taken down: anybody can ask for others."""
        bad = self._bad.get(group) if self.turned else None
        if (bad.get(name) if bad else None) == why:
            return
        if why is None:
            assert bad is not None
            bad.pop(name, None)
        elif self._lists(group, name):
            self._bad.setdefault(group, {})[name] = why
            self._order.append((ref(group), name))
            self._forget()
        else:
            return
        self.turned += 1

    def _lists(self, group: Group, name: str) -> bool:
        """Whether a group has a name among those that it lists; also where it cannot tell, since it did not deny it.

        Of a child that hangs the group is not asked: a mapping's own `in` opens the child.
        """
        try:
            return self.hangs.leaves_alone(group, name) or name in group.children
        except texts.PASSED_ON:
            raise
        except BaseException:  # noqa: BLE001 - what opening raised is raised again
            return True

    def _forget(self) -> None:
        """Keep MOST_BAD children at most, the last ones."""
        while len(self._order) > MOST_BAD:
            oldest, name = self._order.popleft()
            group = oldest()
            if group is not None and (bad := self._bad.get(group)):
                bad.pop(name, None)


def _free(taken: Mapping[str, str], name: str) -> str:
    """A name that is not taken: two that differ may be spelled alike."""
    spelling, number = name, len(taken)
    while spelling in taken:
        number += 1
        spelling = f"{name} ({number})"
    return spelling


def revision_of(node: Node) -> str | None:
    """The revision of a node. Raises what the node raises, and Damaged where it gives no text."""
    revision = node.revision()
    if not (revision is None or isinstance(revision, str)):
        raise Damaged(f"its revision is a {type(revision).__name__}, not a text")
    return revision


def reason(why: BaseException) -> str:
    """What to tell users of an error: its kind and text, without the server's folders, or the text alone where it was written for them."""
    if isinstance(why, Unavailable | Damaged | TooLarge | TooSlow | Busy | Changed):
        return texts.line(texts.said_by(why))
    if isinstance(why, OSError) and why.errno is not None:
        return texts.of_system(why)
    return texts.of_error(why)
