from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.http.protocol.ranges import Unsatisfiable, parse

WHOLE = {
    "empty": b"",
    "no unit": b"0-1",
    "another unit": b"items=0-1",
    "several": b"bytes=0-1,3-4",
    "nothing": b"bytes=-",
    "backwards": b"bytes=5-2",
    "signed": b"bytes=+1-2",
    "underscore": b"bytes=1_0-20",
    "other digits": "bytes=٣-٤".encode(),
    "words": b"bytes=a-b",
    "endless": b"bytes=" + b"9" * 5000 + b"-",
}
PARTS = {
    "both ends": (b"bytes=2-4", (2, 5)),
    "one byte": (b"bytes=0-0", (0, 1)),
    "open": (b"bytes=7-", (7, 10)),
    "past the end": (b"bytes=7-99", (7, 10)),
    "suffix": (b"bytes=-3", (7, 10)),
    "long suffix": (b"bytes=-99", (0, 10)),
    "spaces": (b" bytes = 2 - 4 ", (2, 5)),
    "upper case": (b"BYTES=2-4", (2, 5)),
}


@pytest.mark.parametrize("header", WHOLE.values(), ids=WHOLE)
def test_what_is_not_one_range_is_ignored(header: bytes) -> None:
    assert parse(header, 10) is None


@pytest.mark.parametrize(("header", "expected"), PARTS.values(), ids=PARTS)
def test_a_range_is_half_open(header: bytes, expected: tuple[int, int]) -> None:
    assert parse(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "length"), [(b"bytes=10-", 10), (b"bytes=10-20", 10), (b"bytes=-0", 10), (b"bytes=0-", 0), (b"bytes=-5", 0)]
)
def test_no_byte_selected(header: bytes, length: int) -> None:
    with pytest.raises(Unsatisfiable):
        parse(header, length)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
def test_agrees_with_counting_bytes(first: int, last: int, length: int) -> None:
    expected = [i for i in range(length) if first <= i <= last]
    header = b"bytes=%d-%d" % (first, last)
    if last < first:
        assert parse(header, length) is None
    elif not expected:
        with pytest.raises(Unsatisfiable):
            parse(header, length)
    else:
        assert parse(header, length) == (expected[0], expected[-1] + 1)


@given(st.binary(max_size=30))
def test_any_bytes_are_parsed_or_ignored(header: bytes) -> None:
    try:
        part = parse(header, 10)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part[0] < part[1] <= 10
