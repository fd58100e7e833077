"""Arrow columns as numpy arrays of types that Zarr has.

Integers with nulls become floats with NaN, booleans with nulls bytes with 255, categories their
values, times with a zone UTC, decimals floats, null text the empty text. The column's attributes
name whatever the numpy type does not say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ... import budgets
from ...nodes import Array, Region, Unavailable

PANDAS = "PANDAS_ATTRS"
"""The metadata key under which pandas keeps the `attrs` of a data frame, as JSON."""
COPIES = 2
"""Copies of texts in memory: Arrow's and Python's."""


MOST_KINDS = 256
"""Types of which we remember whether nulls matter, at most."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a type does not say: whether there are nulls, and the nbytes of the longest item.

    `longest` is None if nobody has looked.
    """

    nulls: bool
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a column becomes numpy: the Arrow types to cast it to, in order, then the item for null.

    If `fill` is None, numpy has a null of its own for this dtype (NaN, NaT). `attributes` name what
    the dtype does not say.
    """

    dtype: np.dtype[Any]
    casts: tuple[pa.DataType, ...] = ()
    fill: Any = None
    attributes: Mapping[str, Any] | None = None

    def convert(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """The items of a column, or of a slice of it; a view if Arrow holds them as numpy does.

        Raises TooLarge or Busy if texts need more memory than is free.
        """
        if self.dtype.kind == "O":
            with budgets.hold(COPIES * text_bytes(column)):
                return self._converted(column)
        return self._converted(column)

    def _converted(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        for kind in self.casts:
            column = column.cast(kind, safe=False)
        if self.fill is not None and column.null_count:
            column = column.fill_null(self.fill)
        return np.asarray(column.to_numpy()).astype(self.dtype, copy=False)


def text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of all texts of a column.

    A dictionary's texts count once for each item: a few kB may expand to gigabytes.
    """
    if not types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = ((pc.binary_length(part.dictionary.cast(pa.large_string())), part.indices) for part in column.chunks)
    return sum(pc.sum(of_words.take(words)).as_py() or 0 for of_words, words in lengths)


def plan(kind: pa.DataType, facts: Facts) -> Plan:
    """How a column of this type becomes numpy.

    Raises Unavailable, with the reason, for nested types and others that Zarr lacks.
    """
    for is_kind, rule in _RULES:
        if is_kind(kind):
            made = rule(kind, facts)
            return replace(made, attributes=_named(kind, made, facts))
    raise Unavailable(f"a column of {kind}; Zarr has no such type: flatten it into columns of numbers or text")


@lru_cache(MOST_KINDS)
def depends_on_nulls(kind: pa.DataType) -> bool:
    """Whether the plan for a type depends on nulls, as it does for integers and not for floats."""
    return plan(kind, Facts(nulls=True, longest=1)) != plan(kind, Facts(nulls=False, longest=1))


def facts(column: pa.ChunkedArray) -> Facts:
    """The facts of a column in memory."""
    kind = column.type
    while types.is_dictionary(kind) or isinstance(kind, pa.BaseExtensionType):
        kind = kind.value_type if types.is_dictionary(kind) else kind.storage_type
        column = column.cast(kind)
    longest = None
    if _is_bytes(kind):
        longest = pc.max(pc.binary_length(column.cast(pa.large_binary()))).as_py() or 0
    return Facts(nulls=column.null_count > 0, longest=longest)


def column_node(column: pa.ChunkedArray, revision: Callable[[], str | None]) -> Array:
    """The node of a column in memory."""
    planned = plan(column.type, facts(column))
    return Array(
        shape=(len(column),),
        dtype=planned.dtype,
        read=partial(_read, column, planned),
        attributes=planned.attributes or {},
        revision=revision,
    )


def unavailable(schema: pa.Schema, longest: int | None) -> dict[int, str]:
    """The indices of a schema's columns that no data could make available, with the reason."""
    reasons = {}
    for i, kind in enumerate(schema.types):
        try:
            plan(kind, Facts(nulls=True, longest=longest))
        except Unavailable as reason:
            reasons[i] = str(reason)
    return reasons


def schema_names(schema: pa.Schema) -> list[str]:
    """The names of a schema's columns, made unique; pandas' unnamed index levels become `index`."""
    columns = schema.names  # each access makes a new list
    levels = {i for i, name in enumerate(columns) if name.startswith("__index_level_") and name.endswith("__")}
    order = sorted(range(len(columns)), key=levels.__contains__)
    names = unique("index" if i in levels else columns[i] for i in order)
    return [name for _, name in sorted(zip(order, names, strict=True))]


def unique(names: Iterable[str]) -> list[str]:
    """The names, with a number added to each repetition; the first of equal names stays as it is.

    >>> unique(["a", "index", "a", "a_1", "index"])
    ['a', 'index', 'a_2', 'a_1', 'index_1']
    """
    asked = list(names)
    taken = set(asked)
    given: dict[str, None] = {}
    numbers = {name: count(1) for name in asked}
    for name in asked:
        free = name if name not in given else next(spelling for i in numbers[name] if (spelling := f"{name}_{i}") not in taken)
        taken.add(free)
        given[free] = None
    return list(given)


def schema_attributes(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """The metadata of a schema or field that its author wrote, including the `attrs` of pandas.

    Entries that libraries write for themselves are left out.
    """
    texts = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (metadata or {}).items()}
    attributes = _object(texts.get(PANDAS, ""))
    texts.pop(PANDAS if attributes is not None else "", None)
    own = {key: value for key, value in texts.items() if key != "pandas" and not key.startswith(("ARROW:", "PARQUET:"))}
    return (attributes or {}) | own


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text holds, or None if it holds none.

    Such metadata stay a text.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _read(column: pa.ChunkedArray, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
    (rows,) = region
    return planned.convert(column.slice(rows.start, rows.stop - rows.start))


def _named(kind: pa.DataType, made: Plan, facts: Facts) -> dict[str, Any]:
    """The attributes under our key.

    They are the source's type if it was changed, its time zone, and the item that means null.
    """
    named: dict[str, Any] = {}
    zone = getattr(kind, "tz", None)
    if zone is not None:
        named |= {"source_type": str(kind), "time_zone": zone, "stored_in": "UTC"}
    elif made.casts and not _is_text(kind):
        named["source_type"] = str(kind)
    if facts.nulls and made.casts:
        named["null"] = str(made.dtype.type("NaT" if made.dtype.kind in "mM" else "nan")) if made.fill is None else made.fill
    return {"tiled_zarr": named} if named else {}


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    is_variable = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(is_variable or types.is_fixed_size_binary(kind))


def _through(step: Callable[[pa.DataType], pa.DataType]) -> Rule:
    """The rule for a type that is defined by another type: cast to that, then follow its rule."""

    def rule(kind: pa.DataType, facts: Facts) -> Plan:
        inner = plan(step(kind), facts)
        return replace(inner, casts=(step(kind), *inner.casts))

    return rule


def _plain(kind: pa.DataType, _: Facts) -> Plan:
    return Plan(np.dtype(kind.to_pandas_dtype()))


def _float(_: pa.DataType, __: Facts) -> Plan:
    return Plan(np.dtype("<f8"), (pa.float64(),))


def _integer(kind: pa.DataType, facts: Facts) -> Plan:
    return _float(kind, facts) if facts.nulls else _plain(kind, facts)


def _boolean(kind: pa.DataType, facts: Facts) -> Plan:
    return Plan(np.dtype("u1"), (pa.uint8(),), 255) if facts.nulls else _plain(kind, facts)


def _text(_: pa.DataType, __: Facts) -> Plan:
    return Plan(np.dtype(object), (pa.large_string(),), "")


def _bytes(kind: pa.DataType, facts: Facts) -> Plan:
    longest = kind.byte_width if types.is_fixed_size_binary(kind) else facts.longest
    if longest is None:
        raise Unavailable(f"a column of {kind}, whose longest item is unknown until all of it is read; store it as binary of a fixed size")
    return Plan(np.dtype(f"S{max(longest, 1)}"), (pa.large_binary(),), b"")


def _timestamp(kind: pa.DataType, _: Facts) -> Plan:
    return Plan(np.dtype(f"<M8[{kind.unit}]"))


def _date(kind: pa.DataType, _: Facts) -> Plan:
    return Plan(np.dtype("<M8[D]"), () if kind == pa.date32() else (pa.date32(),))


def _duration(kind: pa.DataType, _: Facts) -> Plan:
    return Plan(np.dtype(f"<m8[{kind.unit}]"))


def _time_of_day(kind: pa.DataType, _: Facts) -> Plan:
    integers = (pa.int32(), pa.int64()) if types.is_time32(kind) else (pa.int64(),)
    return Plan(np.dtype(f"<m8[{kind.unit}]"), (*integers, pa.duration(kind.unit)))


Rule: TypeAlias = Callable[[pa.DataType, Facts], Plan]

_RULES: Sequence[tuple[Callable[[pa.DataType], bool], Rule]] = (
    (lambda kind: isinstance(kind, pa.BaseExtensionType), _through(lambda kind: kind.storage_type)),
    (types.is_dictionary, _through(lambda kind: kind.value_type)),
    (types.is_boolean, _boolean),
    (types.is_integer, _integer),
    (types.is_floating, _plain),
    (types.is_decimal, _float),
    (types.is_null, _float),
    (types.is_timestamp, _timestamp),
    (types.is_date, _date),
    (types.is_time, _time_of_day),
    (types.is_duration, _duration),
    (_is_text, _text),
    (_is_bytes, _bytes),
)
