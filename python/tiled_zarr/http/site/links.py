"""Pages of links: how listings look as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from ..protocol.replies import NO_CACHE, NO_SNIFFING, Headers

HEADERS: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"vary", b"accept"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'self'"),
    (b"referrer-policy", b"no-referrer"),
    NO_CACHE,
    NO_SNIFFING,
)
STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"


def page(title: str, body: str, *, base: str | None = None) -> bytes:
    """A whole document; `body` is HTML, `title` is text, and relative links start at `base`."""
    base_tag = f'<base href="{escape(base)}">' if base else ""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>{base_tag}<style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n'.encode()


def links(targets: Iterable[tuple[str, str]]) -> str:
    """A list of links, from the address and the text of each."""
    items = "\n".join(f'<li><a href="{escape(address)}">{escape(text)}</a></li>' for address, text in targets)
    return f"<ul>\n{items}\n</ul>"


def facts(texts: Mapping[str, str]) -> str:
    """A list of names, and a text about each.

    fsspec takes every URL in the text of a page for a link, so we write the slashes of `://` as
    character references.
    """
    items = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in texts.items())
    return f"<dl>\n{items.replace('://', ':&#47;&#47;')}\n</dl>"
