"""Opens the children of groups, and remembers which of them are bad and why.

Whatever a child does (it raises, returns something that is no node, or never answers), it does only
to itself: documents of its group leave it out and name it with the reason, and its own keys answer
5xx. The same holds for the mapping of a group, which can break only that group.

To open every child each time a document is made is too slow (a folder of 10,000 files takes
seconds), and to assume that a child that was good once stays good is wrong. So `Openings` keeps
the bad children of each group, by weak references, and learns from every opening, whoever asks:

- `child` opens one. It notes that the child is bad if that raises, or that it has recovered.
- `all` opens those that a document or a listing includes. It also asks each for its revision and
  its first child's name, since a group that cannot be listed is bad too.
- `fail` notes a child that opened but failed when a document was made. It counts as bad until all
  that documents say of it (`look`) can be made again; that it opens is not enough.

The states of one child:

    good --- opening raises --------------> bad, is_open=False --- it opens -----------> good
    good --- it opens, but then raises ---> bad, is_open=True  --- `look` succeeds ----> good

Invariant: `turned` grows whenever a child turns bad or good, so a document that was made at the
same `changes` names the same children. A child that hangs is refused without being asked
(hangs.py). Only names that a group lists are kept: clients can ask for any other name, which would
fill the memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import NamedTuple
from weakref import WeakKeyDictionary, WeakSet, ref

from .. import records, texts
from ..hangs import Hangs
from ..nodes import Array, Busy, Changed, Damaged, Forbidden, Group, Node, TooLarge, TooSlow, Unauthenticated, Unavailable, Unprocessable
from ..outlines import Outline
from . import names

NODES = (Array, Group)
"""For `isinstance`, twice a child: Python builds a new type for each `Array | Group`."""

MOST_BAD = 20_000
"""Bad children that are remembered in a tree, at most.

Twice as many as the nodes that are consolidated: 6 MB with names and reasons of usual length, 60 MB
at worst. The oldest are forgotten first, and found again when their group is opened."""
MOST_REASONS = 10_000
"""Bad children that a document names in one group, at most; the others are counted."""
MOST_NAMES = 1_000_000
"""Names that are listed of one group, at most, whatever its `len` is."""
MOST_UNSAID = 1000
"""Names that a group may list beyond its `len`.

Some may have been added meanwhile; with more than that we assume that the listing never ends."""


class Bad(NamedTuple):
    """Why a child is bad.

    `is_open` is True if the child opened, but failed when asked for what documents say of it.
    """

    reason: str
    is_open: bool


class Openings:
    """Opens children and remembers, for each group, those known to be bad.

    `check(node)` raises Unavailable for a node that cannot be shown after all. `look(node)` makes
    all that documents of the groups above say of a node, and raises what fails. `hangs` are the
    children that hang. Thread-safe: a race repeats an opening at worst.
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
        """How many times a child has turned bad or good."""

    @property
    def changes(self) -> int:
        """How many times a child has turned bad or good, or begun or ceased to hang anywhere."""
        return self.turned + self.hangs.look()

    @property
    def are_all_good(self) -> bool:
        """True if no child is known to be bad."""
        return not any(list(self._bad.values()))

    def child(self, group: Group, name: str, checked: Node | None = None, *, is_listed: bool = False) -> Node | None:
        """One child, or None if there is none or it cannot be shown as Zarr.

        `checked` is a node that is known to pass `check`. `is_listed` says that a document or a
        listing includes the child: then it is also asked for what these need, which may block, and
        it gets less time to answer than a child that a client asked for.

        Raises what the source raises, and Damaged for a name that the group lists but cannot open.
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
        """The names of a group's children, each once, without those that cannot be part of a key.

        The latter are remembered as bad. Raises what listing raises, and Damaged if the group lists
        over MOST_UNSAID names more than its `len`, or than MOST_NAMES if that is less.
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
            elif len(nameless) < MOST_REASONS:
                nameless[_free(nameless, texts.name(name))] = why
        if nameless or group in self._nameless:
            self._nameless[group] = nameless
        return list(found)

    def count(self, group: Group, most: int) -> int:
        """How many children a group has, by its `len`.

        If that is more than `most`, the names are counted instead, up to `most` + 1; not those of a
        folder, which is known to count right.
        """
        said = len(group.children)
        return said if said <= most or group.outline is not None else sum(1 for _ in islice(group.children, most + 1))

    def all(self, group: Group, listed: Iterable[str]) -> list[tuple[str, Node]]:
        """The children in `listed` that can be opened, by name; the others are noted as bad."""
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
        """Note that a child opened but failed when a document was made.

        The next opening for a document calls `look` before the child counts as good.
        """
        self._note(group, name, Bad(reason(why), is_open=True))

    def bad(self, group: Group) -> Collection[str]:
        """The names, as in the source, of the children known to be bad."""
        return self._bad.get(group, {})

    def unavailable(self, group: Group) -> dict[str, str]:
        """The reason, by name, for everything that is not shown in a group.

        It covers what the group itself calls unavailable, names that cannot be part of a key, and
        each child known to be bad that is still there. Under "*" is either why the group could not
        answer, or how many there are beyond MOST_REASONS.
        """
        for name in [name for name in list(self._bad.get(group, ())) if not self._lists(group, name)]:
            self._note(group, name, None)
        bad = self._bad.get(group, {})
        reasons: dict[str, str] = {}
        try:
            for name, why in islice(group.unavailable().items(), MOST_REASONS):
                if name not in bad:
                    reasons[_free(reasons, texts.name(name))] = texts.line(why if isinstance(why, str) else texts.said_by(why))
        except texts.PASSED_ON:
            raise
        except BaseException as error:  # noqa: BLE001 - keep what it returned so far, and what we know
            reasons["*"] = texts.line(f"the group failed to list what is unavailable: {reason(error)}")
        known = [*self._nameless.get(group, {}).items(), *((name, known.reason) for name, known in [*bad.items()])]
        room = MOST_REASONS - len(reasons)
        for name, why in known[:room]:
            reasons[_free(reasons, texts.name(name))] = why
        if len(known) > room:
            reasons["*"] = f"and {len(known) - room:,} more"
        return reasons

    def _opened(self, group: Group, name: str, checked: Node | None, *, is_listed: bool) -> Node | None:
        """The child, or None if there is none. Raises Unavailable if it cannot be shown."""
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
        """Ask a child for what documents of groups above need of it; `wholly`: for all they say.

        Raises what the child raises, as Damaged if that would read as "there is no such child".
        """
        try:
            if group.blocking or node.blocking:
                with self.hangs.asking(group, name):
                    self._answer(node, wholly=wholly)
            else:
                self._answer(node, wholly=wholly)
        except (KeyError, Unavailable) as why:  # the child exists: it must not read as absent
            raise Damaged(texts.of_error(why)) from why

    def _answer(self, node: Node, *, wholly: bool) -> None:
        revision_of(node)
        if isinstance(node, Group) and node.outline is None and node not in self._listed:
            next(iter(node.children), None)
            self._listed.add(node)
        if wholly:
            self._look(node)

    def _note(self, group: Group, name: str, why: Bad | None) -> None:
        """Note why a child is bad, or None if it is good.

        Only names that the group lists are noted: clients can ask for any other name.
        """
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
        """True if a group lists a name, or if it raises: then it has not denied the name.

        A child that hangs counts as listed without asking: a mapping's `in` may open the child.
        """
        try:
            return self.hangs.leaves_alone(group, name) or name in group.children
        except texts.PASSED_ON:
            raise
        except BaseException:  # noqa: BLE001 - what opening raised is raised again
            return True

    def _forget(self) -> None:
        """Forget the oldest bad children beyond MOST_BAD."""
        while len(self._order) > MOST_BAD:
            oldest, name = self._order.popleft()
            group = oldest()
            if group is not None and (bad := self._bad.get(group)):
                bad.pop(name, None)


def _free(taken: Mapping[str, str], name: str) -> str:
    """The name, with a number if it is taken: two names that differ may have the same text."""
    spelling, number = name, len(taken)
    while spelling in taken:
        number += 1
        spelling = f"{name} ({number})"
    return spelling


def revision_of(node: Node | Outline) -> str | None:
    """The revision of a node or an outline. Raises what it raises, and Damaged if it is no text."""
    revision = node.revision()
    if not (revision is None or isinstance(revision, str)):
        raise Damaged(f"its revision is a {type(revision).__name__}, not a text")
    return revision


def reason(why: BaseException) -> str:
    """The text of an error for users: its type and message, without the server's folders.

    Errors of our own are written for users: of these it is the message alone.
    """
    if isinstance(why, Unavailable | Damaged | Forbidden | Unauthenticated | TooLarge | TooSlow | Busy | Changed | Unprocessable):
        return texts.line(texts.said_by(why))
    if isinstance(why, OSError) and why.errno is not None:
        return texts.of_system(why)
    return texts.of_error(why)
