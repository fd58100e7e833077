"""An exception as a reply: 413, 503 if asking again may help, or 500, each with its reason.

Tracebacks go to the log only.
"""

from __future__ import annotations

import errno
import inspect
import logging
import traceback
from contextlib import suppress

from ...hierarchy.openings import reason
from ...nodes import Busy, Changed, TooLarge, TooSlow
from . import replies
from .replies import Reply

log = logging.getLogger(__name__)

PASSING = (Changed, ConnectionError, TimeoutError, InterruptedError, BlockingIOError, MemoryError)
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
    if isinstance(error, TooLarge | TooSlow | Busy):
        log.warning("%r: %s", path, error)
        return replies.text(413, str(error)) if isinstance(error, TooLarge) else replies.text(503, str(error), AGAIN)
    log.error("%r failed", path, exc_info=error)
    if passes(error):
        return replies.text(503, f"the source of these data is not available now; ask again later: {reason(error)}", AGAIN)
    return replies.text(500, f"the source of these data failed: {reason(error)}")


def passes(error: Exception) -> bool:
    """Whether an error is likely to go away by itself."""
    return isinstance(error, PASSING) or (isinstance(error, OSError) and error.errno in PASSING_ERRNO)
