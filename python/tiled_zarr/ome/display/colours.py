"""The colour in which a channel is drawn, by its name, for files that name channels without colours.

A stain or a fluorescent protein gets about the colour of the light that it emits; transmitted light
is white. Fractions of names count ("C0 - DAPI", "Alexa Fluor 488 (tubulin)"), in any case.
"""

from __future__ import annotations

import re
from functools import lru_cache

WHITE = "FFFFFF"
RGB = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))
"""The names of the channels of a photograph, in order, with their colours."""
ALEXA = r"(?:alexa|af|atto|dylight|cf)[ _-]*(?:fluor)?[ _-]*"
"""What stands before the wavelength in the names of dyes."""
NAMES = (
    (rf"dapi|hoechst|[et]?bfp|pacific blue|calcofluor|{ALEXA}(?:350|405)", "0000FF"),
    (r"e?cfp|cerulean|turquoise|mtfp", "00FFFF"),
    (rf"[a-z]*gfp|fitc|gcamp\w*|calcein|fluo-?4|cy2|mneongreen|sytox green|{ALEXA}488", "00FF00"),
    (rf"e?yfp|venus|citrine|{ALEXA}(?:514|532)", "FFFF00"),
    (rf"cy3|{ALEXA}(?:546|555)", "FF8000"),
    (rf"mcherry|[a-z]*rfp|texas[ _-]*red|tritc|tdtomato|rhodamine\w*|dsred|mscarlet|propidium\w*|{ALEXA}(?:561|568|594)", "FF0000"),
    (rf"cy5(?:\.5)?|irfp\w*|draq5|{ALEXA}(?:633|640|647|660)", "FF00FF"),
    (
        r"bright[ _-]*field|bf|phase(?:[ _-]*contrast)?|dic|nomarski|tl|tl[ _-]*\w+|trans(?:mitted|mission)?(?:[ _-]*light)?|t[ _-]?pmt",
        WHITE,
    ),
    *((name, colour) for name, colour in RGB),
)
"""Patterns of whole words, with the colour of each; the first one that occurs in a name decides."""


@lru_cache(maxsize=1024)
def by_name(name: str) -> str | None:
    """The colour of a channel's name as six hexadecimal digits, or None.

    >>> by_name("DAPI"), by_name("Alexa Fluor 488"), by_name("TL Phase"), by_name("channel 3")
    ('0000FF', '00FF00', 'FFFFFF', None)
    """
    found = (colour for pattern, colour in NAMES if re.search(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", name.lower()))
    return next(found, None)


def are_rgb(names: tuple[str, ...]) -> bool:
    """True if channels are named red, green and blue, in this order, whatever comes after them."""
    return tuple(name.lower() for name in names[:3]) == tuple(name for name, _ in RGB)
