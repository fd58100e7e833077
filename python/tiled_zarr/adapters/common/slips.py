"""Errors that may be a mistake of ours, although we take them for damage of a file.

A library that parses a damaged file raises anything, also TypeError and AttributeError. So whoever
reads a file takes all errors for damage, and a mistake in our own code would look like a bad file.
The innermost frame tells them apart: an error raised in our own code is a mistake, or a value of a
library that we did not expect. It is logged with its traceback. One raised in a library is most
often damage, and logged at the level `debug`. The log writes each place once (logs.py).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

MISTAKES = (AttributeError, TypeError, NameError, AssertionError, NotImplementedError)
"""Errors that a mistake in a program raises."""
OURS = f"{Path(__file__).parents[2]}{os.sep}"
"""The folder of this package."""


def note(error: Exception, what: str) -> None:
    """Log an error that may be a mistake of ours; `what` says what was being read."""
    if isinstance(error, MISTAKES):
        level = logging.ERROR if is_ours(error) else logging.DEBUG
        log.log(level, "%s: a mistake of ours, or of a library?", what, exc_info=error, extra={"once": True})


def is_ours(error: BaseException) -> bool:
    """Whether an error was raised in a frame of this package."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS)
