from __future__ import annotations

import pytest

from tiled_zarr.http.protocol.etags import matches, of_body, of_text

TAG = b'"abc"'
CASES = {
    "same": (b'"abc"', True),
    "weak": (b'W/"abc"', True),
    "in a list": (b'"x", W/"abc" ,"y"', True),
    "star": (b"*", True),
    "another": (b'"x"', False),
    "empty": (b"", False),
    "without quotes": (b"abc", False),
    "star in a list": (b'"x", *', False),
}


@pytest.mark.parametrize(("header", "expected"), CASES.values(), ids=CASES)
def test_if_none_match(header: bytes, expected: bool) -> None:
    assert matches(header, TAG) is expected


def test_tags_are_quoted_and_differ() -> None:
    tags = {of_text("a"), of_text("b"), of_body(b"c"), of_body(b"")}
    assert len(tags) == 4
    assert all(tag.startswith(b'"') and tag.endswith(b'"') and b"," not in tag for tag in tags)
