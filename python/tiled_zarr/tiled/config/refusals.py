"""What Tiled refuses, in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...settings import SettingsError

REFERENCE = "https://blueskyproject.io/tiled/reference/service-configuration.html"


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """A context in which every error is a SettingsError that says that Tiled refuses a configuration."""
    try:
        yield
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(refusal(path, str(error).strip() or type(error).__name__)) from error


def refusal(path: Path, words: str) -> str:
    """A message with the words of Tiled."""
    return f"Tiled refuses the configuration {path}:\n{words}\n`tiled serve config {path}` says the same; {REFERENCE} has the keys"


def words_of(failure: str) -> str:
    r"""The last error in what an application sends as `lifespan.startup.failed`: its text, or a traceback.

    >>> words_of("Traceback (most recent call last):\n  File 'a.py', line 1, in f\n    f()\nValueError: no\n")
    'ValueError: no'
    """
    lines = failure.strip().splitlines()
    if not failure.startswith("Traceback"):
        return failure.strip()
    frames = [number for number, line in enumerate(lines) if line.startswith("  File ")]
    return "\n".join(line for line in lines[frames[-1] :] if not line.startswith("  ")) if frames else failure
