"""The meaning of a picture's numbers, for viewers; the names are TIFF's PhotometricInterpretation.

https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf, page 37
"""

from __future__ import annotations

from typing import Any

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, SEPARATED, YCBCR = 0, 1, 2, 3, 5, 6
JPEG = frozenset({6, 7})
INK_SET, CMYK = 332, 1
ORIENTATION = 274
MOST_COLOURS = 4096
"""Colours of a palette that attributes hold at most: 48 KB as JSON."""
BYTE = 256


def of_page(page: Any, *, is_ome: bool) -> dict[str, Any]:
    """The meaning of a page's numbers, unless they are plain brightness."""
    found = _meaning(page)
    turned = page.tags.valueof(ORIENTATION, 1)
    return found | ({"orientation": turned} if turned in range(2, 9) and not is_ome else {})


def _meaning(page: Any) -> dict[str, Any]:
    samples = page.samplesperpixel
    match page.photometric:
        case 0 if samples == 1:
            bits = page.bitspersample
            # None is a type that tifffile does not know
            is_whole = page.dtype is None or bits == 8 * page.dtype.itemsize
            return {"photometric": "miniswhite", **({"bits": bits} if bits > 1 and not is_whole else {})}
        case 3 if samples == 1 and page.colormap is not None and page.colormap.shape[1] <= MOST_COLOURS:
            return {"photometric": "palette", "palette": colours(page.colormap)}
        case 5 if samples == 4 and page.tags.valueof(INK_SET, CMYK) == CMYK:
            return {"photometric": "separated"}
        case 1 if samples in (3, 4):
            return {"photometric": "minisblack"}
        case 2:
            return {"photometric": "rgb"}
        case 6 if page.compression in JPEG:
            return {"photometric": "rgb"}
    return {}


def colours(colormap: Any) -> list[list[int]]:
    """Red, green and blue, one byte each, of a colour map of 16 bits.

    Some writers store bytes in it, which libtiff accepts too.
    """
    rows = colormap.T
    return (rows if rows.max(initial=0) < BYTE else rows // BYTE).tolist()  # type: ignore[no-any-return]
