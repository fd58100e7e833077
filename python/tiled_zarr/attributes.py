"""A node's own attributes as JSON, converted once, when the node is made.

They hold no bare NaN, no bytes, no numpy values and nothing endless: NaN and infinities become
null, bytes text (base64 if they are no UTF-8), times ISO 8601, arrays nested lists. An item that
has no JSON form is left out of the nearest mapping around it, and the reason is under our key, as
`tiled_zarr.left_out`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import texts
from .tojson import Conversion, Done, Json, LeftOut, to_json

__all__ = ["OURS", "Json", "Late", "LeftOut", "Ours", "Said", "merged", "nothing", "now", "said", "to_json", "unknown"]

OURS = "tiled_zarr"
"""The key under which a node's attributes hold what this program adds to the source's own."""
MINE = ("unavailable", "unknown", "left_out", "mended", "source")
"""Items under our key that only this program writes.

A source's own items with these names are kept under the last one.
"""


class Said(Done):
    """Attributes that are bounded JSON. Must not be changed."""


class Ours(Done):
    """The mapping under our key in converted attributes."""


class Late(Mapping[str, Any]):
    """Attributes that are computed again for each document of their node.

    If `make` raises, that document fails.
    """

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make

    def now(self) -> Said:
        """The attributes as they are now."""
        return _said(self._make(), {})

    def __getitem__(self, name: str) -> Any:
        return self.now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.now())

    def __len__(self) -> int:
        return len(self.now())


NOTHING = Said()


def nothing() -> Said:
    """The attributes of a node without any; all such nodes share them."""
    return NOTHING


def said(attributes: Any, mended: Mapping[str, str]) -> Said | Late:
    """A node's attributes, converted.

    Those that are converted already, or late, are returned as they are.

    `mended` has the reasons why fields of the node were discarded; they are added under our key.
    """
    kind = type(attributes)
    if kind is Late or (kind is Said and not mended):
        return attributes  # type: ignore[no-any-return] # its type was checked
    if kind is dict and not attributes and not mended:
        return NOTHING
    return _said(attributes, mended)


def now(attributes: Mapping[str, Any]) -> Said:
    """The attributes of a node that has been made. Raises what late ones raise."""
    if isinstance(attributes, Late):
        return attributes.now()
    assert isinstance(attributes, Said)
    return attributes


def unknown(attributes: Mapping[str, Any]) -> dict[str, int]:
    """How many files of a folder have no adapter, by suffix."""
    ours = now(attributes).get(OURS, {})
    return dict(ours.get("unknown", {}).get("suffixes", {})) if isinstance(ours, Ours) else {}


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings; items of the second win, except that the items under our key are merged.

    >>> merged({"a": 1, "tiled_zarr": {"axes": "yx"}}, {"a": 2, "tiled_zarr": {"null": 255}})
    {'a': 2, 'tiled_zarr': {'axes': 'yx', 'null': 255}}
    """
    both = {**first, **second}
    if OURS in first and OURS in second:
        both[OURS] = Ours({**_made(first[OURS]), **_made(second[OURS])})
    return both


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, computed again for each document if the first are."""
    return Late(lambda: merged(now(first), second)) if isinstance(first, Late) else merged(first, second)


def _made(value: Any) -> Ours:
    """A value under our key, converted to JSON; one of type `Ours` is JSON already."""
    ours: Ours = value if isinstance(value, Ours) else _said({OURS: value}, {}).get(OURS, Ours())
    return ours


def _ours(value: Any) -> Ours:
    """The value under our key as a mapping.

    Items of a source that only this program may write are moved to "source".
    """
    if isinstance(value, Ours):
        return value
    if not isinstance(value, Mapping):
        return Ours({MINE[-1]: value})
    apart = {name: value[name] for name in MINE if name in value}
    kept = {name: item for name, item in value.items() if name not in apart}
    return Ours({**kept, MINE[-1]: apart} if apart else kept)


def _said(attributes: Any, mended: Mapping[str, str]) -> Said:
    conversion, found, given_up = Conversion(), Said(), dict(mended)
    try:
        if not isinstance(attributes, Mapping):
            raise TypeError(f"expected a mapping, got {type(attributes).__name__}")  # noqa: TRY301 - one way to give them up
        conversion.mapping(attributes, None, found)
    except texts.PASSED_ON:
        raise
    except BaseException as why:  # noqa: BLE001 - whatever a source's own mapping raises
        given_up["attributes"] = texts.of_error(why)
    ours = _ours(found[OURS]) if OURS in found else Ours()
    for name, reasons in (("left_out", conversion.left_out), ("mended", given_up)):
        if reasons:
            ours = Ours({**ours, name: {**ours.get(name, {}), **reasons}})
    if ours or OURS in found:
        found[OURS] = ours
    return found
