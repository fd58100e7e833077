"""Names of files as text that any document can hold."""

from __future__ import annotations


def as_text(name: str) -> str:
    r"""A file's name, with each byte that is not UTF-8 written as `\xff`.

    This is for people only, since two names can look alike.

    >>> print(as_text("bad\udcff.npy"))
    bad\xff.npy
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
