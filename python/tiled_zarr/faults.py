"""What goes wrong with a source or a request, by what the client gets and should do.

The text of each is one sentence for users. Every other exception that a source raises is a 500 with
its kind and text.
"""

from __future__ import annotations


class Unavailable(Exception):
    """A child has no form in Zarr, and its group's attributes give the reason. It is a 404."""


class Damaged(OSError):
    """A source is there and cannot be read. It is a 5xx, never a 404."""


class Forbidden(Exception):
    """Who asks is known, and may not read this. It is a 403."""


class Unauthenticated(Exception):
    """Who asks has not signed in, and others may read this. It is a 401."""


class TooLarge(Exception):
    """One request would take more memory than the server may use. It is a 413."""


class TooSlow(TimeoutError):
    """A source did not answer within its time, or its data are still being written.

    It is a 503: asking again later may help.
    """


class Unprocessable(Exception):
    """The data of an array do not have the shape that its source promises. It is a 422."""


class Busy(TimeoutError):
    """The server had no thread or memory to spare. It is a 503: asking again later helps."""


class Changed(OSError):
    """A source changed under its reader: its node is out of date. Resolving the key again helps."""
