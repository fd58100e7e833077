"""Writes the tables of docs/servers.md from the records.

    python bench/tables.py

It takes the newest full run of each comparison, and ignores quick ones. Each table is between two
comments with the record's name, and ends with the commands that its figures come from.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import _record

PAGE = Path(__file__).resolve().parents[1] / "docs" / "servers.md"
NOTHING = "Nothing is recorded yet."

Row = Mapping[str, str]


def comparisons(rows: list[Row]) -> list[str]:
    """A table of rates, ours next to theirs."""
    head = ["", "ours", "chunks/s", "next to", "chunks/s", "ratio", "goal", "CPU ms a chunk", "peak MiB"]
    lines = [
        [
            row["case"],
            row["ours"],
            f"{float(row['ours_per_second']):.0f}",
            row["theirs"],
            f"{float(row['theirs_per_second']):.0f}",
            f"**{short(row['ratio'])}** ({short(row['ratio_low'])} to {short(row['ratio_high'])})",
            row["goal"],
            pair(row, "cpu_ms"),
            pair(row, "peak_mib"),
        ]
        for row in rows
    ]
    return table(head, lines)


def latencies(rows: list[Row]) -> list[str]:
    """A table with one figure per line."""
    lines = [
        [row["case"], row["what"], f"**{short(row['median'])}** ({short(row['low'])} to {short(row['high'])})", row["goal"]] for row in rows
    ]
    return table(["", "", "median (lowest to highest)", "goal"], lines)


TABLES: dict[str, tuple[Callable[[list[Row]], list[str]], tuple[str, ...]]] = {
    "server": (comparisons, ("case", "ours", "theirs")),
    "rivals": (comparisons, ("case", "ours", "theirs")),
    "hdf5": (comparisons, ("case", "ours", "theirs")),
    "latency": (latencies, ("case", "what")),
}
"""How each record is shown, and the columns that identify a figure in it."""


def newest(name: str, identity: tuple[str, ...]) -> list[Row]:
    """The last full measurement of each figure, in the order of the last run."""
    path = _record.FOLDER / f"{name}.csv"
    found: dict[tuple[str, ...], Row] = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if "--quick" not in row["command"]:
                    found.pop(key := tuple(row[column] for column in identity), None)
                    found[key] = row
    return list(found.values())


def table(head: list[str], lines: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)]


def sources(rows: list[Row]) -> list[str]:
    """The command, date and machine of the figures, one line per run."""
    runs: dict[tuple[str, ...], dict[str, None]] = {}
    for row in rows:
        run = (row["command"], row["date"][:10], row["machine"])
        runs.setdefault(run, {}).update(dict.fromkeys(row["versions"].split()))
    return [f"`{command}`, {date}, {machine}; {' '.join(versions)}" for (command, date, machine), versions in runs.items()]


def pair(row: Row, figure: str) -> str:
    """A figure of ours and one of theirs; empty if ours is missing."""
    ours, theirs = row[f"ours_{figure}"], row[f"theirs_{figure}"]
    return f"{short(ours)} / {short(theirs)}" if ours else ""


def short(value: str) -> str:
    """A number with three significant digits; empty if there is none."""
    if not value:
        return ""
    number = float(value)
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def section(name: str) -> str:
    """A table and where its figures come from."""
    show, identity = TABLES[name]
    rows = newest(name, identity)
    return "\n".join([*show(rows), "", *sources(rows)]) if rows else NOTHING


def main() -> None:
    page = PAGE.read_text()
    for name in TABLES:
        between = re.compile(f"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        page, count = between.subn(lambda _, name=name: f"\n{section(name)}\n\n", page)
        if count != 1:
            raise ValueError(f"{PAGE.name}: expected one pair of comments <!-- {name} --> and <!-- end -->, got {count}")
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
