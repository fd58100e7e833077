"""How a text table is written. We infer it from the first lines, unless the operator has chosen it.

The answers are parameters of `pandas.read_csv`: delimiter, header, decimal, comment and skiprows.
Lines before the table and comments are kept as text.

No single rule finds a table in the files of instruments, so we decide one thing after the other,
each on what the earlier decisions have left:

1. Comments: if the first line begins with # or %, all lines that begin so are comments.
2. Delimiter: we split the lines with each candidate and take the one for which the largest
   share of rows has the same number of fields; among equals, the one with more fields. A comma
   that is only ever the decimal comma of numbers is no delimiter. If no candidate splits the
   lines, blanks do, provided that all rows have equally many fields, and that at least half of
   the fields below the first row are numbers.
3. Start: the table begins at the first row with the most frequent number of fields, or after an
   empty line if a name there has only numbers below it, and none above the line. The rows
   above it are the preamble.
4. Names: the first row has names unless it looks like data (`has_names`). Then the names are
   those in the last comment, if it has as many and all are text; else columns are numbered.
5. Decimal: a comma if some numbers have one that cannot separate thousands, and none a point.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice, pairwise
from typing import Any, NamedTuple

from ...common.choices import TextChoice
from .survey import Survey

BLANKS = " "
"""The delimiter of columns that are separated by any number of blanks."""
DELIMITERS = ",;\t|"
"""The delimiters that we try; if several split the lines equally evenly, the first one wins."""
COMMENTS = ("#", "%")
"""Characters that begin comments, if the first line begins with one of them."""
ONE_BYTE = frozenset({"utf-8", "latin-1", "cp1252"})
"""Encodings in which the bytes of a line show whether it begins with one of COMMENTS."""
LINES = 200
"""Lines whose fields we examine at most; see MOST_CHARACTERS."""
MOST_CHARACTERS = 256 * 1024
"""Characters of the lines that we examine; the first FEW lines are examined in any case."""
MOST_COMMENTS = 100
"""Lines before the table that attributes hold at most."""
LONGEST_COMMENT = 1000
"""Characters of such a line that attributes hold at most."""

NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*", re.ASCII)
WHOLE = re.compile(r"\d+", re.ASCII)
NO_NUMBER = re.compile(r"\s*(nan|[+-]?inf)\s*", re.IGNORECASE)
TIME = re.compile(r"\s*\d{4}-\d\d-\d\d.*|\d\d?[./]\d\d?[./]\d{2,4}.*|\d\d?:\d\d.*", re.ASCII)
COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*", re.ASCII)
POINT = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*", re.ASCII)
THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(,\d{3})+\s*", re.ASCII)
HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The first line of files that Excel writes for itself."""

FEW = 3
"""Lines that are always examined, and columns that growing names need."""

Fields = Sequence[str]


class Kind(Enum):
    """What a field can be."""

    NUMBER = "number"
    TIME = "time"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a table.

    `skipped` lines come before its first row of data; `is_plain` is true if no line after them is a
    comment. `header` says whether the names come from a row (True), from the last comment
    ("comment"), or from nowhere (False).
    """

    delimiter: str
    encoding: str
    decimal: str
    comment: str | None
    names: tuple[str, ...]
    header: bool | str
    skipped: int
    comments: tuple[str, ...] = ()
    preamble: tuple[str, ...] = ()
    is_plain: bool = True

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """An iterator over the rows in all lines.

        Raises csv.Error if a quote is never closed, since the rows after it would become one value.
        """
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=self.delimiter == BLANKS, strict=True)

    def described(self) -> dict[str, Any]:
        """The dialect as attributes."""
        said = {
            "delimiter": "blanks" if self.delimiter == BLANKS else self.delimiter,
            "header": self.header,
            "decimal": self.decimal,
            "encoding": self.encoding,
        }
        found = {"comment": self.comment, "comments": list(self.comments), "preamble": list(self.preamble)}
        return said | {name: value for name, value in found.items() if value}


class Row(NamedTuple):
    """The fields of a row, and the number of the line that ends it; an empty line has no fields."""

    end: int
    fields: list[str]


class Line(NamedTuple):
    """A line with its number, from 1."""

    number: int
    text: str


def dialect_of(seen: Survey, choice: TextChoice, *, is_tabs: bool) -> Dialect:
    """The dialect of a text that was surveyed with `marks(choice)`; no names if it has no row."""
    lines = _lines(seen)
    preamble, lines = lines[: choice.skip_rows or 0], lines[choice.skip_rows or 0 :]
    hint = HINT.fullmatch(lines[0].text) if lines and choice.skip_rows is None else None
    if hint:
        preamble, lines = lines[:1], lines[1:]
    comment = choice.comment or _comment(lines)
    comments = [line for line in lines if comment and line.text.startswith(comment)]
    lines = [line for line in lines if not (comment and line.text.startswith(comment))]
    delimiter = choice.delimiter or ("\t" if is_tabs else hint[1] if hint else _delimiter(lines))
    rows = _rows(lines, delimiter)
    start = _start(rows) if choice.skip_rows is None else 0
    preamble = preamble + [line for line in lines if start and line.number <= rows[start - 1].end]
    table = [row for row in rows[start:] if row.fields]
    remarks = [line.text.removeprefix(comment or "") for line in comments]
    names, header = _names(table, remarks, delimiter, choice)
    skipped = table[0].end if header is True else _before(table, preamble, comments)
    leading = sum(1 < line.number <= skipped for line in comments)
    return Dialect(
        delimiter=delimiter,
        encoding=seen.encoding,
        decimal=choice.decimal or _decimal(table[header is True :], delimiter),
        comment=comment,
        names=names,
        header=header,
        skipped=skipped,
        comments=_texts(remarks),
        preamble=_texts(line.text for line in preamble),
        is_plain=delimiter != BLANKS and (not comment or (leading == seen.begins[comment] and seen.encoding in ONE_BYTE)),
    )


def marks(choice: TextChoice) -> tuple[str, ...]:
    """What comment lines may begin with."""
    return (choice.comment,) if choice.comment else COMMENTS


def _comment(lines: Sequence[Line]) -> str | None:
    """The character that begins comments: that of the first line, if it is one of COMMENTS."""
    first = next((line.text for line in lines if line.text.strip()), "")
    return first[0] if first.startswith(COMMENTS) else None


def _lines(seen: Survey) -> list[Line]:
    """The first lines, without the last one if the text goes on, since it may be cut off."""
    text = seen.head.decode(seen.encoding, "replace").removeprefix("\ufeff")
    lines: list[Line] = []
    length = 0
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        lines.append(Line(number, line))
        length += len(line)
        if number == LINES or (length > MOST_CHARACTERS and number >= FEW):
            return lines
    return lines[:-1] if seen.is_cut else lines


def _before(table: Sequence[Row], preamble: Sequence[Line], comments: Sequence[Line]) -> int:
    """How many lines come before a table without a header."""
    above = [line.number for line in (*preamble, *comments) if not table or line.number < table[0].end]
    return max(above, default=0)


def _texts(lines: Iterable[str]) -> tuple[str, ...]:
    kept = (line.strip()[:LONGEST_COMMENT] for line in lines)
    return tuple(islice((line for line in kept if line), MOST_COMMENTS))


def _reader(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == BLANKS)


def _rows(lines: Sequence[Line], delimiter: str) -> list[Row]:
    rows: list[Row] = []
    number = 0

    def counted() -> Iterator[str]:
        nonlocal number
        for line in lines:
            number = line.number
            yield line.text.strip(" \r\n") + "\n" if delimiter == BLANKS else line.text

    try:
        rows.extend(Row(number, fields) for fields in _reader(counted(), delimiter))
    except csv.Error:  # a field is too long: reading the whole table raises an error that says so
        return rows
    return rows


def _delimiter(lines: Sequence[Line]) -> str:
    """The delimiter that splits most lines into equally many fields.

    Blanks only between numbers.
    """
    evenness = {delimiter: _evenness(_rows(lines, delimiter)) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=evenness.__getitem__)
    if evenness[best] > (0, 0):
        return ";" if best == "," and (_is_one_column(lines) or _are_decimals(lines)) else best
    rows = [row.fields for row in _rows(lines, BLANKS) if row.fields]
    share, _ = _evenness([Row(0, fields) for fields in rows])
    data = [field for fields in rows[1:] for field in fields]
    return BLANKS if share == 1 and data and 2 * sum(map(_is_number, data)) >= len(data) else DELIMITERS[0]


def _is_one_column(lines: Sequence[Line]) -> bool:
    """Whether all lines below a name are numbers with a decimal comma."""
    name, *data = [line.text for line in lines if line.text.strip()]
    return "," not in name and all(COMMA.fullmatch(text) for text in data)


def _are_decimals(lines: Sequence[Line]) -> bool:
    """Whether `;` splits all lines equally, and all commas below the first line are decimal."""
    _, *data = rows = [row.fields for row in _rows(lines, ";") if row.fields]
    commas = [field for fields in data or rows for field in fields if "," in field]
    return len(set(map(len, rows))) == 1 < len(rows[0]) and bool(commas) and all(map(COMMA.fullmatch, commas))


def _evenness(rows: Sequence[Row]) -> tuple[float, int]:
    """The share of rows with the most frequent number of fields, and that number.

    (0, 0) if it is 1.
    """
    counts = Counter(len(row.fields) for row in rows if row.fields)
    (width, rows_of_it), *_ = counts.most_common(1) or [(1, 0)]
    return (rows_of_it / counts.total(), width) if width > 1 else (0, 0)


def _start(rows: Sequence[Row]) -> int:
    """The index of the first row of the table.

    The rows before it have fewer fields, or there is an empty line after them and other types below
    it.
    """
    widths = Counter(len(row.fields) for row in rows if row.fields)
    if not widths:
        return 0
    width = widths.most_common(1)[0][0]
    start = next(place for place, row in enumerate(rows) if len(row.fields) >= width)
    above = rows[start - 1].fields if start else []
    if start and len(above) == width - 1 > 1 and not any(map(_is_number, above)) and any(map(_is_number, rows[start].fields)):
        return start - 1  # R writes no name for the first column
    empty = [place for place, row in enumerate(rows) if not row.fields and start < place < len(rows) - 1]
    for place in empty:
        before = [row.fields for row in rows[start:place] if row.fields]
        after = [row.fields for row in rows[place + 1 :] if row.fields]
        if _starts_anew(before, after):
            return next(i for i, row in enumerate(rows) if i > place and row.fields)
    return start


def _starts_anew(before: Sequence[Fields], after: Sequence[Fields]) -> bool:
    """Whether the rows after an empty line begin with a header.

    We say so if some column has a name and only numbers below it, and no number above the empty
    line.
    """
    if len(after) < 2:
        return False
    header, *data = after
    above = before[1:] or before
    return any(
        kind(name) is Kind.TEXT
        and _column_kind(data, place) is Kind.NUMBER
        and not any(_is_number(fields[place]) for fields in above if place < len(fields))
        for place, name in enumerate(header)
    )


def _names(table: Sequence[Row], comments: Sequence[str], delimiter: str, choice: TextChoice) -> tuple[tuple[str, ...], bool | str]:
    """The names of the columns, and where they come from (see Dialect)."""
    if not table:
        return (), False
    first, data = table[0].fields, [row.fields for row in table[1:]]
    has_header = has_names(first, data) if choice.header is None else choice.header
    if has_header:
        extra = [fields for fields in data if len(fields) == len(first) + 1]
        is_indexed = bool(data) and len(extra) == len(data) and any(fields[-1] for fields in extra)
        return (("index", *first) if is_indexed else tuple(first)), True
    fields = next(_reader([comments[-1].strip()], delimiter), []) if comments and choice.header is None else []
    named = [name.strip() for name in fields]
    if len(named) == len(first) and all(named) and all(kind(name) is Kind.TEXT for name in named):
        return tuple(named), "comment"
    return tuple(map(str, range(len(first)))), False


def has_names(first: Fields, data: Sequence[Fields]) -> bool:
    """Whether the first row has names: yes, as in pandas, unless its fields look like data.

    They look like data if all or some of them are values like those below. Whole numbers beside
    text are still names, since they may be years, and so are growing numbers, which may be
    wavelengths. Numbers of which two are equal are no names, nor are fields that are equal in every
    row.

    >>> has_names(["x", "y"], [["1", "2"]]), has_names(["0", "1.5"], [["1", "2.5"]]), has_names(["a", "0.5"], [["b", "0.7"]])
    (True, False, False)
    >>> has_names(["", "0", "1"], [["0", "1.5", "2.5"]]), has_names(["country", "2020"], [["DE", "83"]])
    (True, True)
    >>> has_names(["AC-1", "0", "0"], [["TA-1", "0", "1"]]), has_names(["APP", "APP"], [["MX1", "MX1"], ["MX2", "MX2"]])
    (False, False)
    """
    given = [name for name in first if name.strip()]
    kinds = [(kind(name), _column_kind(data, place)) for place, name in enumerate(first) if name.strip()]
    if any(below is not Kind.TEXT and name is not below for name, below in kinds):
        return True
    if given == [str(place) for place in range(len(given))] and len(given) > 1:
        return first[0] == "" or any(NUMBER.fullmatch(field) and not WHOLE.fullmatch(field) for fields in data for field in fields)
    if all(name is not Kind.TEXT for name, _ in kinds):
        return not given
    alike = [name for name, (own, below) in zip(given, kinds, strict=True) if own is below is not Kind.TEXT]
    if len(set(alike)) < len(alike) or _are_twins(first, data):
        return False
    return all(WHOLE.fullmatch(name.strip()) for name in alike) or _grow(alike)


def _are_twins(first: Fields, data: Sequence[Fields]) -> bool:
    """Whether two fields of the first row are equal, and the same two in every other row."""
    places: dict[str, int] = {}
    twins = [(places[name], place) for place, name in enumerate(first) if name.strip() and places.setdefault(name, place) < place]
    return len(data) > 1 and any(all(len(fields) > b and fields[a] == fields[b] for fields in data) for a, b in twins)


def _grow(names: Sequence[str]) -> bool:
    """Whether three or more names are numbers, each larger than the one before."""
    if len(names) < FEW or not all(map(NUMBER.fullmatch, names)):
        return False
    values = [float(name.replace(",", ".")) for name in names]
    return all(low < high for low, high in pairwise(values))


def _decimal(table: Sequence[Row], delimiter: str) -> str:
    """A comma if numbers are written with a decimal comma and none with a point, else a point."""
    if delimiter == ",":
        return "."
    fields = [field for row in table for field in row.fields]
    commas = [field for field in fields if COMMA.fullmatch(field)]
    is_certain = any(not THOUSANDS.fullmatch(field) for field in commas)
    return "," if is_certain and not any(map(POINT.fullmatch, fields)) else "."


def kind(field: str) -> Kind:
    """The kind of a field; an empty field is text."""
    if NUMBER.fullmatch(field) or NO_NUMBER.fullmatch(field):
        return Kind.NUMBER
    return Kind.TIME if TIME.fullmatch(field) else Kind.TEXT


def _column_kind(data: Sequence[Fields], place: int) -> Kind:
    """The kind of all non-empty fields of a column; text if they differ, or if there is none."""
    kinds = {kind(fields[place]) for fields in data if place < len(fields) and fields[place].strip()}
    return kinds.pop() if len(kinds) == 1 else Kind.TEXT


def _is_number(field: str) -> bool:
    return kind(field) is Kind.NUMBER
