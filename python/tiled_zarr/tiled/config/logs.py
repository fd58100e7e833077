"""Tiled's log, written as ours: one line a record, in the form and from the level of our settings."""

from __future__ import annotations

import logging

LOGGERS = ("tiled.server.app", "tiled.access_control.access_policies")
"""Loggers of Tiled that write to standard error themselves; our log would repeat their lines."""


def take_over(level: str) -> None:
    """Let our log write what Tiled logs from `level` on; the modules of LOGGERS have been imported."""
    logging.getLogger("tiled").setLevel(level.upper())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
