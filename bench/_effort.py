"""How many rounds a benchmark measures, how long, and over how many connections."""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Effort(NamedTuple):
    """A number of rounds, the seconds of a program in each, and a number of connections."""

    rounds: int
    seconds: float
    connections: int


def parser(description: str | None, *, connections: int = 16) -> argparse.ArgumentParser:
    """The options of every benchmark. `--quick` measures too little for figures to quote."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a minute in all: fewer cases, shorter rounds")
    options.add_argument("--rounds", type=int, help="7, or 3 with --quick")
    options.add_argument("--seconds", type=float, help="length of one measurement: 2, or 0.5 with --quick")
    options.add_argument("--connections", type=int, default=connections)
    return options


def effort(options: argparse.Namespace) -> Effort:
    """The effort that the options ask for."""
    rounds, seconds = (3, 0.5) if options.quick else (7, 2.0)
    return Effort(options.rounds or rounds, options.seconds or seconds, options.connections)
