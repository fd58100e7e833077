"""A tree of Python objects that raise, lie, hang or never end: `hostile.objects:tree`.

Each is made when it is asked for, so that one that cannot be made is nobody else's fault.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from hostile.things import ABSENT, FAILED, REFUSED, Bad, Claim, Counted, Good, broken, doubtful, unreadable
from tiled_zarr.nodes import Array, Group, Region, Unavailable

TEN = np.arange(10)
NEVER = threading.Event()
"""Nobody sets it."""
OFF = "the detector is off"


class Lazy(Mapping[str, Any]):
    """Values by name, each made by a function when it is looked up."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self.makers = makers

    def __getitem__(self, name: str) -> Any:
        return self.makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.makers)

    def __len__(self) -> int:
        return len(self.makers)


class Hostile(Lazy):
    """A mapping, one of whose methods does what `does` does."""

    def __init__(self, method: str, does: Callable[[], Any]) -> None:
        super().__init__({"x": lambda: TEN})
        self.method = method
        self.does = does

    def __getitem__(self, name: str) -> Any:
        return self.does() if self.method == "get" else super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        return self.does() if self.method == "iter" else super().__iter__()

    def __len__(self) -> int:
        return self.does() if self.method == "len" else super().__len__()

    def __contains__(self, name: object) -> bool:
        return self.does() if self.method == "contains" else super().__contains__(name)


class Endless(Mapping[str, Any]):
    """A mapping that has every name, and itself below each."""

    def __getitem__(self, name: str) -> Any:
        return Endless()

    def __iter__(self) -> Iterator[str]:
        return iter(("again",))

    def __len__(self) -> int:
        return 1


class Numbered(Mapping[str, Any]):
    """A mapping whose names never end; `n5` is an array of fives."""

    def __getitem__(self, name: str) -> Any:
        if name[:1] == "n" and name[1:].isdecimal():
            return np.full(3, int(name[1:]))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (f"n{number}" for number in itertools.count())

    def __len__(self) -> int:
        return 2**60


class Silent:
    """An object whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Adapter:
    """What looks like an adapter of Tiled's, and raises when it is asked for `method`."""

    def __init__(self, method: str) -> None:
        self.method = method

    @property
    def structure_family(self) -> str:
        return raising(OSError)() if self.method == "structure_family" else "array"

    def structure(self) -> Any:
        raise OSError(OFF)

    def metadata(self) -> Any:
        raise OSError(OFF)


class Container(Lazy):
    """What looks like a container of Tiled's whose metadata raise."""

    structure_family = "container"

    def metadata(self) -> Any:
        raise OSError(OFF)


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    """A function that raises, whatever it is given."""

    def raises(*_: object) -> Any:
        raise kind(OFF)

    return raises


def numbers(**changes: Any) -> Array:
    """A good array of ten numbers, but for the changes."""
    fields: dict[str, Any] = {"shape": (10,), "dtype": TEN.dtype, "read": lambda region: TEN[region], "revision": lambda: "1"}
    return Array(**fields | changes)


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def nested() -> list[Any]:
    made: list[Any] = []
    for _ in range(100_000):
        made = [made]
    return made


EXCEPTIONS: tuple[type[BaseException], ...] = (
    *(OSError, RuntimeError, TypeError, RecursionError, MemoryError, TimeoutError, UnicodeError, StopIteration),
    *(SystemExit, GeneratorExit, asyncio.CancelledError, BaseException),
)
KINDS = {kind.__name__: kind for kind in EXCEPTIONS}
ATTRIBUTES: dict[str, Callable[[], Any]] = {
    "circle": lambda: {"a": circle()},
    "nested": lambda: {"a": nested()},
    "silent": lambda: {"a": Silent(), Silent(): 1},
    "endless": lambda: {"a": itertools.count()},
    "endless_text": lambda: {"a": itertools.repeat("x" * 1000)},
    "raising_items": lambda: {"a": Hostile("get", raising(OSError)), "b": Hostile("iter", raising(OSError))},
    "raising_itself": lambda: Hostile("iter", raising(OSError)),
    "surrogate": lambda: {"\ud800": "\udfff"},
    "ours": lambda: {"tiled_zarr": "mine", "_ARRAY_DIMENSIONS": 5},
    "long_double": lambda: {"a": np.longdouble("0.1"), "b": np.clongdouble(1j), "c": np.zeros(3, np.longdouble)},
    "keys": lambda: {7: 1, None: 2, (1, 2): 3, b"\xff": 4, "7": 5},
    "sets": lambda: {"a": {1, "b", None, (2, 3)}},
    "huge": lambda: {"a": np.zeros(4_000_000), "b": 10**5000},
    "objects": lambda: {"a": np.array([Silent(), None], object), "b": Ellipsis, "c": type},
}
READS: dict[str, Callable[[Region], Any]] = {
    "shape": lambda region: np.zeros(3, TEN.dtype),
    "axes": lambda region: np.zeros((10, 10), TEN.dtype),
    "dtype": lambda region: np.zeros(10, "U3"),
    "objects": lambda region: np.full(10, None, object),
    "nothing": lambda region: None,
    "text": lambda region: "0123456789",
}
DIMENSIONS: dict[str, Any] = {
    "surrogate": ("\ud800",),
    "number": (7,),
    "two": ("a", "b"),
    "long": ("x" * 2**20,),
    "empty": ("",),
    "control": ("a\x00b",),
}
ODD_ARRAYS: dict[str, dict[str, Any]] = {
    "negative": {"shape": (-1,)},
    "enormous": {"shape": (2**70,)},
    "float_shape": {"shape": (2.5,)},
    "no_chunk": {"chunks": (0,)},
    "chunk_axes": {"chunks": (2, 2)},
    "attributes": {"attributes": None},
    "no_dtype": {"dtype": None},
    "record_of_objects": {"dtype": np.dtype([("a", object)])},
    "void": {"dtype": np.dtype("V0")},
}
NAMES: dict[Any, Any] = dict.fromkeys(("good", "\ud800", "x" * 2**20, 7, "", "..", "a/b", "zarr.json", "new\nline", None, ("a",)), TEN)


def unavailable(text: str) -> Callable[[], Any]:
    def raises() -> Any:
        raise Unavailable(text)

    return raises


def tree() -> Mapping[str, Any]:
    """Everything hostile, each kind in a group of its own."""
    return Lazy(
        {
            "good": lambda: {"x": TEN, "y": TEN * 2},
            "opening": lambda: Lazy({"good": lambda: TEN, **{name: raising(kind) for name, kind in KINDS.items()}}),
            "reading": lambda: Lazy({"good": lambda: TEN, **{name: _reads(raising(kind)) for name, kind in KINDS.items()}}),
            "lying": lambda: Lazy({"good": lambda: TEN, **{name: _reads(read) for name, read in READS.items()}}),
            "attributes": lambda: Lazy({name: _with(attributes) for name, attributes in ATTRIBUTES.items()}),
            "dimensions": lambda: Lazy({name: _named(names) for name, names in DIMENSIONS.items()}),
            "odd": lambda: Lazy({"good": lambda: TEN, **{name: _odd(changes) for name, changes in ODD_ARRAYS.items()}}),
            "names": lambda: NAMES,
            "revision": lambda: Lazy(
                {
                    "good": lambda: TEN,
                    "raises": lambda: numbers(revision=raising(OSError)),
                    "number": lambda: numbers(revision=lambda: 7),
                    "group": lambda: Group(children={"x": numbers()}, revision=raising(OSError)),
                }
            ),
            "reasons": lambda: Lazy(
                {
                    "good": lambda: TEN,
                    "long": unavailable("x" * 10_000_000),
                    "surrogate": unavailable("\ud800"),
                    "address": unavailable(f"no adapter for {object()!r}"),
                    "generator": lambda: (number for number in range(3)),
                }
            ),
            "listing": lambda: Lazy(
                {
                    "good": lambda: TEN,
                    "iter": lambda: Hostile("iter", raising(OSError)),
                    "len": lambda: Hostile("len", raising(OSError)),
                    "negative": lambda: Hostile("len", lambda: -1),
                    "denied": lambda: Hostile("get", raising(OSError)),
                    "unavailable": lambda: Group(children={"x": numbers()}, unavailable=raising(OSError)),
                }
            ),
            "endless": lambda: Lazy({"good": lambda: TEN, "tree": Endless, "names": Numbered}),
            "adapters": lambda: Lazy(
                {
                    "good": lambda: TEN,
                    "container": lambda: Container({"x": lambda: TEN}),
                    **{name: lambda name=name: Adapter(name) for name in ("structure_family", "structure")},
                }
            ),
            "hanging": lambda: Lazy(
                {"good": lambda: TEN, **{f"read{number}": _reads(lambda _: NEVER.wait()) for number in range(HANGING)}}
            ),
        }
    )


HANGING = 12
"""The number of arrays whose reads hang.

At commit 8bcae71, nobody else got an answer after ten of them. Nothing is claimed of them: a test
requests all at once.
"""


def _reads(read: Callable[[Region], Any]) -> Callable[[], Array]:
    return lambda: numbers(read=read)


def _with(attributes: Callable[[], Any]) -> Callable[[], Array]:
    return lambda: numbers(attributes=attributes())


def _named(names: Any) -> Callable[[], Array]:
    return lambda: numbers(dimension_names=names)


def _odd(changes: Mapping[str, Any]) -> Callable[[], Array]:
    return lambda: numbers(**changes)


def claims() -> list[Claim]:
    """What must hold of the tree."""
    groups = ("opening", "reading", "lying", "odd", "names", "revision", "reasons", "listing", "endless", "adapters", "hanging")
    reasons = [
        Bad(path=f"reasons/{name}", names=(name,), documents=ABSENT, chunks=ABSENT)
        for name in ("long", "surrogate", "address", "generator")
    ]
    return [
        Good(path="good/x", values=TEN),
        *(Good(path=f"{group}/good", values=TEN) for group in groups),
        *(broken(f"opening/{name}") for name in KINDS),
        *(unreadable(f"reading/{name}") for name in KINDS),
        *(unreadable(f"lying/{name}") for name in READS),
        *(Good(path=f"attributes/{name}", values=TEN) for name in ATTRIBUTES),
        *(Good(path=f"dimensions/{name}", values=TEN) for name in DIMENSIONS),
        Counted(path="odd", entries=len(ODD_ARRAYS) + 1),
        Counted(path="names", entries=len(NAMES)),
        *(doubtful(f"revision/{name}") for name in ("raises", "number", "group/x")),
        *reasons,
        broken("listing/iter"),
        doubtful("listing/len/x"),
        *(Bad(path=path, documents=FAILED | {200}, chunks=REFUSED) for path in ("listing/len", "endless/names")),
        broken("listing/denied/x"),
        Good(path="endless/names/n5", values=np.full(3, 5)),
        *(broken(f"adapters/{name}") for name in ("structure_family", "structure", "container")),
    ]


def stuck() -> Mapping[str, Any]:
    """Three groups: one hangs when it is listed, one at a look-up, one for a revision.

    The array whose revision hangs is always the same object: an array that is made anew at each
    look is served without a revision.
    """
    revised = numbers(revision=NEVER.wait)
    return Lazy(
        {
            "good": lambda: TEN,
            "listed": lambda: Hostile("iter", NEVER.wait),
            "looked_up": lambda: Hostile("get", NEVER.wait),
            "opened": NEVER.wait,
            "revised": lambda: revised,
        }
    )


def metadata_raises() -> Any:
    """A root whose own metadata cannot be had."""
    return Container({"x": lambda: TEN})


def structure_raises() -> Any:
    return Adapter("structure")
