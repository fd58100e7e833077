"""How long and how hard is measured."""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Effort(NamedTuple):
    """So many rounds, each of so many seconds a program, over so many connections."""

    rounds: int
    seconds: float
    connections: int


def parser(description: str | None, *, connections: int = 16) -> argparse.ArgumentParser:
    """The options that every benchmark has. `--quick` measures too little to quote."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a minute in all: fewer cases, shorter rounds")
    options.add_argument("--rounds", type=int, help="7, or 3 where it is quick")
    options.add_argument("--seconds", type=float, help="length of one measurement: 2, or 0.5 where it is quick")
    options.add_argument("--connections", type=int, default=connections)
    return options


def effort(options: argparse.Namespace) -> Effort:
    """What the options ask for."""
    rounds, seconds = (3, 0.5) if options.quick else (7, 2.0)
    return Effort(options.rounds or rounds, options.seconds or seconds, options.connections)
