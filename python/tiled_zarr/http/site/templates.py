"""HTML from the templates in `templates/`; every value in them is escaped."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..protocol.replies import NO_CACHE, NO_SNIFFING, Headers

FOLDER = Path(__file__).parent / "templates"
STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")
COPY = (FOLDER / "copy.js").read_text(encoding="utf-8")

environment = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
)


def source_of(text: str) -> str:
    """The source that a content security policy names to allow this inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def html(template: str, /, **values: Any) -> bytes:
    """A page made from a template."""
    return environment.get_template(template).render(style=STYLE, **values).encode()


def headers(policy: str, forms: str = "'none'") -> Headers:
    """The headers of a page.

    The page may load only what the content security policy `policy` names, and send its forms only
    to `forms`.
    """
    fixed = f"default-src 'none'; base-uri 'none'; form-action {forms}; frame-ancestors 'self'"
    return (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", f"{fixed}; {policy}".encode()),
        (b"referrer-policy", b"no-referrer"),
        NO_CACHE,
        NO_SNIFFING,
    )
