"""Pages of links: listings as HTML, which fsspec, GDAL and people read.

fsspec takes the text between the quotes of `href` as a name, character references and `%3A`
included. GDAL reads a page line by line if its title is `Index of` with the path that it asked for.
So each link has a line, and we escape only what a browser would take for something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape, unescape
from urllib.parse import quote, unquote

from ..protocol.replies import NO_CACHE, NO_SNIFFING, Headers

HEADERS: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"vary", b"accept"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'self'; frame-ancestors 'self'"),
    (b"referrer-policy", b"no-referrer"),
    NO_CACHE,
    NO_SNIFFING,
)
STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
MEANINGFUL = re.compile(r"""[%?#"'<>\\]""")
"""Characters that end a link or have a meaning in it; names have only quotes, `<` and `>` of them.

fsspec ends a link at any quote and decodes nothing, so it calls `it's` `it%27s`."""
PLAIN = re.compile(r"""(?!http)[^ %?#"'<>\\&:][^%?#"'<>\\&:]*""")
"""Most names: as a link and as text they are what they are. Half of the time of a long listing."""
MISREAD = re.compile(r" |[A-Za-z][A-Za-z0-9+.-]*:|http")
"""Beginnings of names: browsers drop a space, and take what ends in a colon for a scheme.

An example is `mailto:`.

fsspec takes `http` for the address of another server, and leaves the link out."""


def page(path: str, body: Iterable[str]) -> Iterator[str]:
    """The listing of a path, spelled as the client asked for it; `body` is HTML.

    GDAL asks for `a%20b` and looks for the title with `a b` if it found that name in a listing, but
    with `a%20b` if the user gave it so. So the title is there in both spellings, once as a comment.
    """
    plain = path.rstrip("/")
    title, decoded = f"Index of {text(plain)}", f"Index of {unquote(plain)}"
    yield f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n<title>{title}</title>\n'
    if decoded != title:
        yield f"<!-- <title>{decoded.replace('<', '&lt;').replace('>', '&gt;')}</title> -->\n"
    if not path.endswith("/"):
        yield f'<base href="{quote(unquote(plain.rpartition("/")[2]), safe="")}/">\n'
    yield f"<style>{STYLE}</style></head>\n<body><h1>{escape(decoded)}</h1>\n"
    yield from body
    yield "\n</body></html>\n"


def links(entries: Iterable[tuple[str, bool]], path: str, query: str = "") -> Iterator[str]:
    """A list of links from the page of a path to names, with a slash if they are folders.

    Each has the query at its end.
    """
    folder = f"{unquote(path.rstrip('/'))}/"
    yield "<ul>\n"
    for name, is_folder in entries:
        end = "/" if is_folder else ""
        if PLAIN.fullmatch(name):
            yield f'<li><a href="{name}{end}{query}">{name}{end}</a></li>\n'
        else:
            yield f"<li>{link(name, end + query, folder)}{escape(name)}{end}</a></li>\n"
    yield "</ul>"


def facts(texts: Mapping[str, str]) -> str:
    """A list of names, and a text about each.

    fsspec takes every URL in the text of a page for a link, so we write the slashes of `://` as
    character references.
    """
    items = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(about)}</dd>" for name, about in texts.items())
    return f"<dl>\n{items.replace('://', ':&#47;&#47;')}\n</dl>"


def text(given: str) -> str:
    """A text as HTML; `&` stays if no browser takes it for a character reference.

    >>> text("R&D <1>"), text("a&lt;b")
    ('R&D &lt;1&gt;', 'a&amp;lt;b')
    """
    whole = given if unescape(given) == given else given.replace("&", "&amp;")
    return whole.replace("<", "&lt;").replace(">", "&gt;")


def link(name: str, end: str = "", folder: str = "/") -> str:
    """The start tag of a link to a name in a folder; browsers escape by themselves what URLs lack.

    If a browser would read something else than fsspec, fsspec gets a link in a comment: it looks
    for `href` with quotes, so it does not see the link for browsers, which has none.

    >>> link("größe", "/"), link("R&D 12:30"), link("<1>")
    ('<a href="größe/">', '<a href="R&D 12:30">', '<a href="%3C1%3E">')
    >>> link("a:b", "/"), link("http", "", "/zarr/v3/")
    ('<!--<a href="a:b/">--><a href=a%3Ab/>', '<!--<a href="/zarr/v3/http">--><a href=http>')
    """
    if MEANINGFUL.search(name):
        return f'<a href="{quote(name, safe=" +=@,;!$()*~")}{end}">'
    if not MISREAD.match(name) and ("&" not in name or unescape(name) == name):
        return f'<a href="{name}{end}">'
    start = "" if not name.startswith("http") else quote(folder, safe="/") if MEANINGFUL.search(folder) else folder
    return f'<!--<a href="{start}{name}{end}">--><a href={quote(name, safe="")}{end}>'
