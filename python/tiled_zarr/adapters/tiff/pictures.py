"""The sizes in the headers of compressed pictures: nothing else says how large they decode to.

JPEG: ITU T.81 B.2.2. JPEG 2000: ITU T.800 A.5.1. PNG: https://www.w3.org/TR/png/#11IHDR. WebP: RFC
9649. JPEG XL: ISO 18181-1 D.2.
"""

from __future__ import annotations

PNG = b"\x89PNG\r\n\x1a\n"
CODESTREAM = b"\xff\x4f\xff\x51"
"""The markers that begin a JPEG 2000 codestream and its size."""
NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers between 0xC0 and 0xCF that do not begin a frame."""
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length."""
LARGE_SIZES = (9, 13, 18, 30)
"""Bits of a JPEG XL size, by its two selector bits."""
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Ratios of JPEG XL widths to heights, for pictures that state no width."""


def pixels(data: bytes) -> int | None:
    """Width times height of a picture; None if its format is not known here, or it is damaged.

    >>> pixels(b"RIFF....WEBPVP8X" + bytes(8) + bytes([9, 0, 0, 4, 0, 0]))
    50
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(PNG):
            return _big(data[16:20]) * _big(data[20:24])
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"\xff\x0a"):
            return _jpegxl(data)
        if data[4:8] == b"JXL ":
            return _boxed_jpegxl(data)
        if data.startswith(CODESTREAM) or data[4:8] == b"jP  ":
            return _jpeg2000(data)
    except IndexError:
        pass
    return None


def _big(field: bytes) -> int:
    return int.from_bytes(field, "big")


def _little(field: bytes) -> int:
    return int.from_bytes(field, "little")


def _jpeg(data: bytes) -> int | None:
    at = 2
    while at + 9 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:  # fill bytes
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in NO_FRAME:
            return _big(data[at + 5 : at + 7]) * _big(data[at + 7 : at + 9])
        else:
            at += 2 if marker in ALONE else 2 + _big(data[at + 2 : at + 4])
    return None


def _jpeg2000(data: bytes) -> int | None:
    at = data.find(CODESTREAM)
    if at < 0:
        return None
    x, y, left, top = (_big(data[at + 8 + 4 * i : at + 12 + 4 * i]) for i in range(4))
    return max(x - left, 0) * max(y - top, 0)


def _webp(data: bytes) -> int | None:
    match data[12:16]:
        case b"VP8X":
            return (_little(data[24:27]) + 1) * (_little(data[27:30]) + 1)
        case b"VP8L":
            bits = _little(data[21:25])
            return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
        case b"VP8 ":
            return (_little(data[26:28]) & 0x3FFF) * (_little(data[28:30]) & 0x3FFF)
    return None


def _boxed_jpegxl(data: bytes) -> int | None:
    for name, skipped in ((b"jxlc", 4), (b"jxlp", 8)):
        at = data.find(name)
        if at >= 0:
            return _jpegxl(data[at + skipped :])
    return None


def _jpegxl(data: bytes) -> int:
    bits = _little(data[2:18])

    def take(count: int) -> int:
        nonlocal bits
        taken = bits & ((1 << count) - 1)
        bits >>= count
        return taken

    is_small = take(1)

    def size() -> int:
        return 8 * (take(5) + 1) if is_small else take(LARGE_SIZES[take(2)]) + 1

    height, ratio = size(), take(3)
    width = size() if ratio == 0 else height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1]
    return width * height
