"""Any value of a source as JSON, or the reason why it has none.

The unit is an item of a mapping: we leave out an item that has no JSON form, note the reason under
its path ("start/motor"), and keep the rest of the mapping. A list is converted as a whole or not at
all, since a gap would shift the items after it.
"""

from __future__ import annotations

import base64
import datetime
import enum
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, TypeAlias

import numpy as np

from . import texts

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

DEEPEST = 64
"""Levels of nesting at most.

JSON parsers give up at 100 (serde_json: 128), and an attribute of a source is some levels down.
"""
MOST_VALUES = 500_000
"""Numbers, texts and other values in one node at most.

They take about 16 MB as Python objects; an attribute of 200,000 float64 fits twice.
"""
MOST_TEXT = 8 * 1024 * 1024
"""Characters of all texts in one node: half of the largest consolidated document (16 MiB)."""
MOST_TRIED = 2 * MOST_VALUES
"""Values of one node that we examine, including those that are then left out.

Iterators without an end take 0.6 s in total.
"""
MOST_NAMED = 100
"""Reasons of one node that are kept; "*" says how many more there are."""
LARGEST_PLAIN = 8
"""Bytes of the largest number that Python has too.

Numpy's `item` returns a long double as it is.
"""
MOST_BITS = 1023
"""Bits of an integer at most.

Readers that hold numbers as float64, such as JavaScript, read a larger one as infinity.
"""


class Done(dict[str, Any]):
    """A mapping that is JSON already, and is used as it is."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An attribute's value that an adapter cannot read; users see the reason."""

    reason: str


class Unsayable(Exception):
    """A value has no JSON form; the text is the reason."""


class Exhausted(Exception):
    """More than MOST_TRIED values were examined, so we stop at this node."""


def to_json(value: Any) -> Json:
    """A value as JSON; if it has no JSON form, its text.

    Raises what the value raises, or Unsayable.

    >>> to_json({"a": float("nan"), 1: b"x", "t": np.datetime64("2020-01-02"), "m": np.eye(2, dtype="u1")})
    {'a': None, '1': 'x', 't': '2020-01-02', 'm': [[1, 0], [0, 1]]}
    """
    return Conversion().value(value, None)


Path: TypeAlias = "tuple[Path, str] | None"
"""The keys of the mappings around a value, innermost first; joined only if an item is left out."""


@dataclass(slots=True)
class Conversion:
    """Converts the values of one node, and enforces its limits; `left_out` has reasons by path."""

    left_out: dict[str, str] = field(default_factory=dict)
    unnamed: int = 0
    values: int = 0
    text: int = 0
    tried: int = 0
    above: set[int] = field(default_factory=set)

    def mapping(self, source: Mapping[Any, Any], path: Path, into: dict[str, Json]) -> None:
        """Add the convertible items of a mapping to `into`, and note the reasons of the others.

        Raises what listing its keys raises.
        """
        for key in source:
            before = self.values, self.text
            spelling = "?"
            try:
                spelling = key if type(key) is str and key.isascii() else _key(key)
                self.spend(1, len(spelling))
                if spelling in into:
                    raise Unsayable("another key has the same text")  # noqa: TRY301 - one way to leave an item out
                into[spelling] = self.value(source[key], (path, spelling))
            except Exhausted:
                self.leave_out((path, spelling), f"{MOST_TRIED:,} values were examined, and no more are")
                return
            except texts.PASSED_ON:
                raise
            except BaseException as why:  # noqa: BLE001 - whatever a source's own object raises
                self.tried += 1
                if self.tried > MOST_TRIED:  # endless keys that have no text
                    return
                self.values, self.text = before
                self.leave_out((path, spelling), texts.line(str(why)) if isinstance(why, Unsayable) else texts.of_error(why))

    def leave_out(self, path: Path, reason: str) -> None:
        """Note that the item at a path is left out."""
        if len(self.left_out) < MOST_NAMED:
            self.left_out[texts.name(_joined(path))] = reason
        else:
            self.unnamed += 1
            self.left_out["*"] = f"and {self.unnamed:,} more"

    def value(self, value: Any, path: Path) -> Json:
        """Convert a value that is already counted.

        Raises what the value raises, Unsayable or Exhausted.
        """
        kind = type(value)
        if kind is str:
            return self.string(value)
        if value is None or kind is bool:
            return value  # type: ignore[no-any-return] # its type was checked
        if kind is int:
            return _integer(value)
        if isinstance(value, float):
            return _number(float(value))
        if isinstance(value, str):
            return self.string(str.__str__(value))
        if isinstance(value, np.ndarray | np.generic):
            return self.array(np.asarray(value), path)
        return self.number_or_time(value, path)

    def item(self, value: Any, path: Path) -> Json:
        """Count and convert one of several values at a path."""
        self.spend(1)
        return self.value(value, path)

    def string(self, text: str) -> str:
        """Count a text, and escape its lone surrogates."""
        self.spend(0, len(text))
        return text if text.isascii() else texts.plain(text)

    def octets(self, value: bytes) -> str:
        """Count bytes, and decode them as UTF-8, else as base64."""
        self.spend(0, len(value))
        return _decoded(value)

    def number_or_time(self, value: Any, path: Path) -> Json:
        """Convert a value of one of the standard library's types that are no containers."""
        if isinstance(value, enum.Enum):
            with self.inside(value):
                return self.value(value.value, path)
        if isinstance(value, int):
            return bool(value) if isinstance(value, bool) else _integer(int(value))
        if isinstance(value, Decimal | Fraction):
            return _number(float(value))
        if isinstance(value, complex):
            return [_number(value.real), _number(value.imag)]
        if isinstance(value, bytes | bytearray | memoryview):
            return self.octets(bytes(value))
        if isinstance(value, datetime.date | datetime.time):
            text = value.isoformat()
            # pandas has a NaT that is a datetime
            return None if text == "NaT" else self.string(text)
        if isinstance(value, datetime.timedelta):
            return _number(value.total_seconds())
        return self.container(value, path)

    def container(self, value: Any, path: Path) -> Json:
        """Convert a mapping or several values; anything else becomes its text."""
        if isinstance(value, Done):
            return value
        if isinstance(value, LeftOut):
            raise Unsayable(value.reason)
        if isinstance(value, PurePath | uuid.UUID) or not isinstance(value, Iterable):
            return self.string(texts.without_addresses(str(value)))
        with self.inside(value):
            if isinstance(value, Mapping):
                found: dict[str, Json] = {}
                self.mapping(value, path, found)
                return found
            if isinstance(value, list | tuple | AbstractSet) and len(value) > MOST_VALUES - self.values:
                raise _too_many(len(value))
            items = [self.item(item, path) for item in value]
        return sorted(items, key=str) if isinstance(value, AbstractSet) else items

    def array(self, array: np.ndarray[Any, Any], path: Path) -> Json:
        """Convert a numpy array, or one item of it."""
        kind = array.dtype.kind
        if array.size > MOST_VALUES - self.values:
            raise _too_many(array.size)
        if array.ndim == 0 and kind in "biuf" and array.itemsize <= LARGEST_PLAIN:
            return _number(float(array)) if kind == "f" else array.item()
        if kind in "SU":
            self.spend(array.size, array.nbytes // (4 if kind == "U" else 1))
            return _each(array.tolist(), texts.plain if kind == "U" else _decoded)
        if kind in "biuf":
            self.spend(array.size)
            return _floats(array) if kind == "f" else array.tolist()
        if kind == "c":
            self.spend(2 * array.size)
            return _floats(np.stack([array.real, array.imag], axis=-1))
        if kind in "mM":
            self.spend(array.size, 32 * array.size)
            return _each((np.datetime_as_string(array) if kind == "M" else array.astype(str)).tolist(), _time)
        with self.inside(array):
            return self.items(array, path)

    def items(self, array: np.ndarray[Any, Any], path: Path) -> Json:
        """Convert an array of objects, records or opaque items."""
        if array.ndim:
            return [self.item(item, path) for item in array]
        if array.dtype.names is not None:
            return {texts.plain(name): self.item(array[name], path) for name in array.dtype.names}
        if array.dtype.kind == "V":
            return self.octets(array.tobytes())
        return self.value(array.item(), path)

    def spend(self, values: int, text: int = 0) -> None:
        """Count values and characters.

        Raises Unsayable if they exceed the limits of one node, Exhausted if too many were examined.
        """
        self.values += values
        self.text += text
        self.tried += values
        if self.tried <= MOST_TRIED and self.values <= MOST_VALUES and self.text <= MOST_TEXT:
            return
        if self.tried > MOST_TRIED:
            raise Exhausted
        if self.values > MOST_VALUES:
            raise _too_many(self.values)
        raise Unsayable(f"with it, the attributes of one node would have more than {MOST_TEXT:,} characters of text")

    @contextmanager
    def inside(self, value: Any) -> Iterator[None]:
        """A context for examining what a value contains.

        Raises Unsayable if the value contains itself, or is nested too deeply.
        """
        if id(value) in self.above:
            raise Unsayable("it contains itself")
        if len(self.above) >= DEEPEST:
            raise Unsayable(f"it is nested deeper than {DEEPEST} levels")
        self.above.add(id(value))
        try:
            yield
        finally:
            self.above.discard(id(value))


def _key(key: Any) -> str:
    """A mapping's key as text. Raises what the key raises."""
    if isinstance(key, bytes):
        return _decoded(key)
    value = key.value if isinstance(key, enum.Enum) else key
    return texts.plain(texts.without_addresses(value if isinstance(value, str) else str(value)))


def _integer(value: int) -> int:
    if value.bit_length() > MOST_BITS:
        raise Unsayable(f"an integer of {value.bit_length()} bits; JSON readers read it as infinity")
    return value


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _floats(array: np.ndarray[Any, Any]) -> Json:
    """Numbers as float64, with null for NaN and infinities.

    A long double has no JSON form of its own.
    """
    with np.errstate(over="ignore"):
        values = array.astype(np.float64)
    is_finite = np.isfinite(values)
    if not is_finite.all():
        values = values.astype(object)
        values[~is_finite] = None
    found: Json = values.tolist()
    return found


def _each(items: Any, convert: Any) -> Json:
    """Nested lists with `convert` applied to every item."""
    found: Json = [_each(item, convert) for item in items] if isinstance(items, list) else convert(items)
    return found


def _time(text: str) -> str | None:
    return None if text == "NaT" else text


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _too_many(count: int) -> Unsayable:
    return Unsayable(f"{count:,} values; the attributes of one node may hold {MOST_VALUES:,}")


def _joined(path: Path) -> str:
    """The keys of a path, outermost first, each cut so that the last one stays readable."""
    keys: list[str] = []
    while path is not None and len(keys) <= DEEPEST:
        path, key = path
        keys.append(key[: texts.LONGEST])
    return "/".join(reversed(keys))
