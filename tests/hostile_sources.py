"""Strategies for what a hostile source may say: values, fields of nodes, mappings of children."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tiled_zarr import Array, Group, Node, Sparse, Table, Unavailable
from tiled_zarr.nodes import Dense, Options, live

ERRORS = [
    OSError("cannot open '/srv/secret/raw.h5'"),
    KeyError("lost"),
    Unavailable("it is ragged"),
    RecursionError("too deep"),
    MemoryError(),
    ValueError("\udce9 <object at 0x7f0011223344>\n" * 100),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    StopIteration(),
    AssertionError(),
]


class Panic(BaseException):
    """What native libraries raise that panic."""


class Mute:
    """An object of which nothing can be asked."""

    def _raise(self, *_: object) -> Any:
        raise OSError("mute")

    __str__ = __repr__ = __iter__ = __len__ = __float__ = __int__ = _raise


class Panicking:
    """An object of a native library that panics."""

    def __str__(self) -> str:
        raise Panic("index out of bounds")

    __repr__ = __str__


class Nested:
    """Something that holds another of its kind, without an end."""

    def __iter__(self) -> Iterator[Nested]:
        yield Nested()


class Torn(Mapping[Any, Any]):
    """A mapping that does as it is told: each of its answers may be an exception to raise."""

    def __init__(self, items: Any = (), *, keys: Any = None, length: Any = None, contains: Any = None) -> None:
        self._items = dict(items)
        self._keys = [*self._items] if keys is None else keys
        self._length = length
        self._contains = contains

    def __getitem__(self, key: Any) -> Any:
        return answered(self._items[key])

    def __iter__(self) -> Iterator[Any]:
        for key in itertools.count() if self._keys is itertools.count else self._keys:
            yield answered(key)

    def __len__(self) -> int:
        return len(self._items) if self._length is None else answered(self._length)  # type: ignore[no-any-return]

    def __contains__(self, key: object) -> bool:
        return key in self._items if self._contains is None else bool(answered(self._contains))


def answered(value: Any) -> Any:
    """The value, or what a callable makes of it; an exception is raised."""
    value = value() if callable(value) else value
    if isinstance(value, BaseException):
        raise value
    return value


def cycle() -> list[Any]:
    found: list[Any] = [1]
    found.append({"again": found})
    return found


def deep(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


class Endless(enum.Enum):
    SELF = enum.auto()

    @property
    def value(self) -> Endless:
        return self


def one_of_these(choices: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of some values; hypothesis would look at their representations, which may raise."""
    return st.integers(0, len(choices) - 1).map(lambda place: choices[place])


HUGE_TEXT = "x" * 9_000_000
HUGE_ARRAY = np.zeros(600_000)

values = st.one_of(
    one_of_these(
        [
            np.longdouble("0.1"),
            np.longdouble("1e4000"),
            np.array([np.longdouble("0.1")] * 2),
            np.clongdouble(1j),
            "lone \ud800 \udce9",
            10**5000,
            -(2**2000),
            float("nan"),
            np.float32("inf"),
            Decimal("sNaN"),
            Decimal("1e400"),
            Fraction(10**400, 3),
            object(),
            Mute(),
            Panicking(),
            Nested(),
            Endless.SELF,
            HUGE_TEXT,
            HUGE_ARRAY,
            np.array([object(), Mute()], object),
            np.array([(1, b"\xff")], [("\udce9", "i4"), ("b", "S1")]),
            np.datetime64("NaT"),
            np.void(b"\xff\x00"),
            memoryview(b"\xff"),
            {Mute()},
            {1: "a", "1": "b", b"\xff": "c", Mute(): "d", ("t", 1): 0, None: 1},
            deep(100),
            deep(2000),
            Torn({"a": 1, "b": OSError("unreadable")}),
            Torn({"a": 1}, keys=["a", OSError("torn")]),
            Torn(keys=itertools.count),
            int,
            lambda: 1,
        ]
    ),
    st.builds(cycle),
    st.builds(itertools.count),
    st.builds(lambda: (Mute() for _ in itertools.count())),
    st.text(st.characters(), max_size=5),
    st.binary(max_size=5),
    st.floats(),
)
nested = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3),
    max_leaves=4,
)
keys = st.one_of(
    st.text(st.characters(), max_size=4),
    one_of_these(["tiled_zarr", "_ARRAY_DIMENSIONS", "\udce9", "multiscales", "ome", "omero", b"\xff", 1, None, ("a", 1), "k" * 100_000]),
)
attributes = st.one_of(
    st.dictionaries(keys, nested, max_size=4),
    st.dictionaries(st.just("tiled_zarr"), st.dictionaries(one_of_these(["unavailable", "left_out", "mended", "source", "axes"]), nested)),
    one_of_these(
        [
            None,
            5,
            ["a"],
            Torn({"a": 1, "b": OSError("unreadable"), "c": 2}),
            Torn({"a": 1}, keys=["a", OSError("torn")]),
            Torn({"a": 1}, length=OSError("no length")),
            Torn(keys=itertools.count),
            Mute(),
        ]
    ),
)
names = st.one_of(
    st.text(st.characters(), max_size=4),
    one_of_these(["bad", "\udce9t\udce9", "\ud800", "n" * 2000, "é" * 600, "", "..", "a/b", "zarr.json", "__x", b"bytes", 7, None, ("t",)]),
)
dimension_names = st.one_of(
    st.none(),
    st.lists(names, max_size=3).map(tuple),
    one_of_these(["xy", ["y", "x"], ("\udce9", "x"), ("x" * 300, "y"), (1, 2), itertools.count(), Mute(), 5, ("y", "x", "z")]),
)
sizes = st.one_of(
    st.none(), one_of_these([(2, 3), [2, 3], (1,), (-1, 2), (0, 0), (1.5, 2), "ab", 5, Mute(), (10**30, 1), itertools.count()])
)
shapes = one_of_these([(2, 3), [2, 3], (np.int64(2), np.uint8(3)), (-1, 3), (2.5, 3), None, "ab", (10**400,), itertools.count(), (1,) * 70])
types = one_of_these(
    [
        "<u2",
        np.dtype("f8"),
        np.dtype("longdouble"),
        "O",
        "V0",
        "nonsense",
        None,
        np.dtype([("\udce9", "i4")]),
        np.dtype([("a", "f4", (2,))]),
    ]
)
failing = one_of_these([*ERRORS, Panic("panicked")])
revisions = st.one_of(one_of_these([live, lambda: "r", lambda: 5, object]), failing.map(lambda error: lambda: answered(error)))
unavailables = st.one_of(
    one_of_these(
        [
            dict,
            lambda: None,
            lambda: {"ragged": "rows differ"},
            lambda: {b"\xff": None, 1: Mute(), "\udce9": "\ud800\n" * 1000},
            lambda: {"x": HUGE_TEXT},
            lambda: Torn(keys=itertools.count),
            lambda: ["a"],
        ]
    ),
    failing.map(lambda error: lambda: answered(error)),
)


def read(_: object) -> Any:
    raise OSError("nobody reads this")


@st.composite
def arrays(draw: st.DrawFn) -> Callable[[], Node]:
    """Functions that make a hostile array; making it may raise already."""
    fields = {
        "shape": draw(shapes),
        "dtype": draw(types),
        "chunks": draw(sizes),
        "dimension_names": draw(dimension_names),
        "attributes": draw(attributes),
        "revision": draw(revisions),
        "blocking": draw(st.booleans()),
    }
    if draw(st.booleans()):
        return lambda: Sparse(entries=read, **fields)  # type: ignore[arg-type]
    blocking, unit, is_verbatim = fields.pop("blocking"), draw(sizes), draw(st.booleans())
    options = Options(verbatim=is_verbatim)
    return lambda: Array(source=Dense(read, blocking=blocking, unit=unit), options=options, **fields)  # type: ignore[arg-type]


@st.composite
def groups(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Callable[[], Node]:
    """Functions that make a hostile group; the children are such functions, errors or no nodes."""
    children = draw(st.dictionaries(names, inner, max_size=3))
    listed = [*children, *draw(st.lists(st.one_of(names, failing), max_size=2))]
    named = draw(one_of_these([listed, listed, listed, itertools.count]))
    lengths = [None, None, 0, -1, 1.5, OSError("no length"), 10**9]
    mapping = Torn(
        children,
        keys=named,
        # a billion is too many to consolidate
        length=draw(one_of_these(lengths[:-1] if named is itertools.count else lengths)),
        contains=draw(one_of_these([None, None, True, False, OSError("cannot tell")])),
    )
    fields = {
        "attributes": draw(attributes),
        "unavailable": draw(unavailables),
        "revision": draw(revisions),
        "blocking": draw(st.booleans()),
    }
    kind: Any = draw(one_of_these([Group, Table]))
    return lambda: kind(children=mapping, **fields)


hostile = st.recursive(
    st.one_of(arrays(), failing, one_of_these([None, 5, "text", {}, Mute])),
    lambda inner: st.one_of(groups(inner), arrays()),
    max_leaves=4,
)
"""What a mapping of children may hold under one name.

It is a function that makes a node, an error to raise, or something that is no node.
"""
