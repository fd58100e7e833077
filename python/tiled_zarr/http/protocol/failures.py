"""An exception as a reply: 401, 403, 413, 422, 503 if asking again may help, or 500, with its reason.

What the log says of it is one line if the failure is expected: the source is damaged, missing or
slow, or the system refuses. Anything else may be a bug, and its traceback follows.
"""

from __future__ import annotations

import errno
import inspect
import logging
import traceback
from contextlib import suppress

from ... import texts
from ...hierarchy.openings import reason
from ...nodes import Busy, Changed, Damaged, Forbidden, TooLarge, TooSlow, Unauthenticated, Unavailable, Unprocessable
from . import replies
from .replies import Reply

log = logging.getLogger(__name__)

PASSING = (Changed, ConnectionError, TimeoutError, InterruptedError, BlockingIOError, MemoryError)
EXPECTED = (Damaged, Unavailable, OSError, *PASSING)
"""Errors that say what is wrong with a source, so that nobody needs their traceback."""
PASSING_ERRNO = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ESTALE,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    }
)

MOST_CAUSES = 4
"""Errors in a row, each the cause of the one before, that one line of the log shows."""
SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
AGAIN = (b"retry-after", b"5")


def reply_to(error: Exception, path: str) -> Reply:
    """The reply to a request for `path` that raised `error`; the details go to the log.

    We clear the local variables in the frames of the error's traceback, which may hold blocks of
    megabytes. Futures and errors refer to each other in cycles, and the garbage collector of a
    server without requests frees them late or never.
    """
    try:
        return _reply_to(error, path)
    finally:
        _let_go(error)


def _let_go(error: BaseException | None) -> None:
    """Clear the frames of an error and of its causes.

    We leave out coroutines and generators: one may still wait with the same error.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if not frame.f_code.co_flags & SUSPENDABLE:
                with suppress(RuntimeError):  # the frame is still running
                    frame.clear()
        error = error.__cause__ or error.__context__


def _reply_to(error: Exception, path: str) -> Reply:
    if isinstance(error, Forbidden):
        return replies.text(403, str(error))
    if isinstance(error, Unauthenticated):
        return replies.text(401, str(error), replies.CHALLENGE)
    if isinstance(error, TooLarge | TooSlow | Busy | Unprocessable):
        log.warning("%r: %s", path, error)
        return _expected(error)
    why = reason(error)
    log.error("%r failed: %s", path, in_full(error), exc_info=None if isinstance(error, EXPECTED) else error)
    if passes(error):
        return replies.text(503, f"the source of these data is not available now; ask again later: {why}", AGAIN)
    return replies.text(500, f"the source of these data failed: {why}")


def _expected(error: TooLarge | TooSlow | Busy | Unprocessable) -> Reply:
    match error:
        case TooLarge():
            return replies.text(413, str(error))
        case Unprocessable():
            return replies.text(422, str(error))
        case _:
            return replies.text(503, str(error), AGAIN)


def in_full(error: BaseException) -> str:
    """The types and texts of an error and of its causes on one line, with folders, for the log.

    >>> in_full(OSError(5, "Input/output error", "/data/a.h5"))
    "OSError: [Errno 5] Input/output error: '/data/a.h5'"
    """
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(said) < MOST_CAUSES:
        said.append(texts.line(f"{type(cause).__name__}: {texts.said_by(cause)}"))
        cause = cause.__cause__
    return " <- ".join(said)


def passes(error: Exception) -> bool:
    """Whether an error is likely to go away by itself."""
    return isinstance(error, PASSING) or (isinstance(error, OSError) and error.errno in PASSING_ERRNO)
