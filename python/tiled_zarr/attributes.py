"""A node's own metadata as real JSON: no bare NaN, no bytes, no numpy values.

NaN and infinities become null, bytes text (base64 where they are no UTF-8), times ISO 8601, arrays nested lists.
"""

from __future__ import annotations

import base64
import datetime
import enum
import math
import uuid
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, TypeAlias

import numpy as np

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

OURS = "tiled_zarr"
"""The key under which a node's attributes hold what this program adds to the source's own."""
DEEPEST = 64
"""Levels of nesting; below it there is only the text of the object, so that a cycle ends."""


def to_json(value: Any, depth: int = 0) -> Json:
    """Any metadata value as JSON; what has no JSON form becomes its text.

    >>> to_json({"a": float("nan"), 1: b"x", "t": np.datetime64("2020-01-02"), "m": np.eye(2, dtype="u1")})
    {'a': None, '1': 'x', 't': '2020-01-02', 'm': [[1, 0], [0, 1]]}
    """
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, enum.Enum):
        return to_json(value.value, depth)
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.asarray(value), depth)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal | Fraction):
        return _number(float(value))
    if isinstance(value, complex):
        return [_number(value.real), _number(value.imag)]
    return _other(value, depth)


def _other(value: Any, depth: int) -> Json:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, PurePath | uuid.UUID) or depth >= DEEPEST:
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): to_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((to_json(item, depth + 1) for item in value), key=str)
    if isinstance(value, Iterable):
        return [to_json(item, depth + 1) for item in value]
    return str(value)


def _array(value: np.ndarray[Any, Any], depth: int) -> Json:
    if value.dtype.kind in "mM":
        text = np.datetime_as_string(value) if value.dtype.kind == "M" else value.astype(str)
        return _missing(text.tolist())
    if value.ndim:
        return [to_json(item, depth + 1) for item in value]
    if value.dtype.names is not None:
        return {name: to_json(value[name], depth + 1) for name in value.dtype.names}
    if value.dtype.kind == "V":
        return _text(value.tobytes())
    return to_json(value.item(), depth + 1)


def _missing(text: Any) -> Json:
    """Nested lists of ISO texts, with null for what is not a time."""
    if isinstance(text, list):
        return [_missing(item) for item in text]
    return None if text == "NaT" else str(text)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _key(key: Any) -> str:
    text = to_json(key)
    return text if isinstance(text, str) else str(key)
