"""The log: one line for each record, with the time, on standard error; as text or as JSON.

    2026-11-26T20:41:03.123Z WARNING tiled-zarr[4242]: '/zarr/v3/x/c/0': 'x.tif' is empty ...
    {"time": "2026-11-26T20:41:03.123Z", "level": "warning", "pid": 4242, "logger": "...", ...}

A record may have `fields`, a mapping that JSON adds to the line. A traceback follows its line, or
is a field of it. A place in the code that fails again and again would fill the disk with the same
traceback, so each place gets one: after that only the line is written, or, if the record says
`once`, nothing.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

ROOT = "tiled_zarr"
"""The name of the logger above all of ours."""
LOUD = "distributed"
"""A library that sets its loggers to INFO when it is imported, whatever the level of the log."""
MOST_PLACES = 1000
"""Places in the code whose tracebacks are remembered; of others every traceback is written."""


def begin(level: str, form: str) -> None:
    """Log records of ours from `level` on, and warnings and errors of libraries.

    It replaces the handler of an earlier call, and leaves others alone.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Lines)]:
        root.removeHandler(handler)
    root.addHandler(Lines(is_json=form == "json"))
    number = getattr(logging, level.upper())
    logging.getLogger(ROOT).setLevel(number)
    root.setLevel(max(number, logging.WARNING))


def is_begun() -> bool:
    """Whether anybody has said where the log goes."""
    return logging.getLogger().hasHandlers()


class Lines(logging.Handler):
    """Writes records to standard error, and the traceback of each place once."""

    def __init__(self, *, is_json: bool) -> None:
        super().__init__()
        self.write = as_json if is_json else as_text
        self.places: set[tuple[str, int]] = set()
        self.addFilter(is_meant)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            trace = record.exc_info[2] if record.exc_info else None
            is_new = trace is None or self.is_new(place(trace))
            if is_new or not getattr(record, "once", False):
                sys.stderr.write(self.write(record, traceback_of(record) if is_new else "") + "\n")
                sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as every handler has it
            self.handleError(record)

    def is_new(self, found: tuple[str, int]) -> bool:
        """Whether a place has not failed before; note it."""
        if found in self.places:
            return False
        if len(self.places) < MOST_PLACES:
            self.places.add(found)
        return True


def is_meant(record: logging.LogRecord) -> bool:
    """Whether a record is ours, or at least a warning if it is of a library that says too much."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] != LOUD


def place(trace: TracebackType) -> tuple[str, int]:
    """The file and the line at which an error was raised."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def traceback_of(record: logging.LogRecord) -> str:
    """The traceback of a record, if it has one."""
    return "".join(traceback.format_exception(record.exc_info[1])).rstrip() if record.exc_info else ""


def time_of(record: logging.LogRecord) -> str:
    """When a record was made, in UTC, as RFC 3339 has it."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_text(record: logging.LogRecord, trace: str) -> str:
    """A record as a line of text, its traceback on more lines."""
    line = f"{time_of(record)} {record.levelname} tiled-zarr[{record.process}]: {on_one_line(record.getMessage())}"
    return f"{line}\n{trace}" if trace else line


def as_json(record: logging.LogRecord, trace: str) -> str:
    """A record as a line of JSON."""
    said: dict[str, Any] = {"time": time_of(record), "level": record.levelname.lower(), "pid": record.process}
    said |= {"logger": record.name, "message": record.getMessage(), **getattr(record, "fields", {})}
    return json.dumps({**said, "traceback": trace} if trace else said)


def on_one_line(text: str) -> str:
    r"""A text without characters that end a line or move a terminal's cursor, which become escapes.

    >>> on_one_line("a\nb\x1b[2J")
    'a\\nb\\x1b[2J'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
