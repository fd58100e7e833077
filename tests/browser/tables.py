"""Tables that the browser tests show: all types, many rows, many columns, and a large file."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

import tiled_zarr
from tiled_zarr import Array, Group, Table

ROWS = 400
LONG_ROWS = 100_000_000
LONGEST_ROWS = 1_000_000_000
SORTED_ROWS = 200_000
COLUMNS = 12_000
GROUP = 1 << 22
FOLDER = Path(__file__).parents[2] / "build" / "tables"
"""The large file is made once for all runs: it takes 4 s of a processor."""


@cache
def kinds() -> pd.DataFrame:
    """A column of every type, with missing values in each type that has them."""
    row = np.arange(ROWS)
    hole = row % 7 == 3
    times = pd.Series(pd.Timestamp("1969-12-31T23:59:59.123456789") + pd.to_timedelta(row * 37_000_001, unit="ns"))
    frame = pd.DataFrame(
        {
            "int64": row * (2**53 + 1) - 2**60,
            "uint64": np.uint64(2**64 - 1) - row.astype("u8"),
            "int8": (row % 200 - 100).astype("i1"),
            "float64": np.where(hole, np.nan, row / 3 - 50),
            "float32": (row / 3).astype("f4"),
            "tiny": 10.0 ** (row % 600 - 300),
            "bool": row % 3 == 0,
            "time": times.mask(hole),
            "second": np.datetime64("0031-02-27T12:00:00", "s") + row * 86_400 * 300,
            "day": pa_dates(row),
            "zoned": pd.date_range("2024-03-31", periods=ROWS, freq="h", tz="Europe/Berlin"),
            "span": pd.Series(pd.to_timedelta(row * 1001, unit="us")).mask(hole),
            "text": pd.Series([f"text {n} é😀" if n % 5 else f"text {n}" for n in row], dtype="object").mask(hole, None),
            "category": pd.Categorical(np.array(["cold", "warm", "hot"])[row % 3]),
            "nullable": pd.Series(row, dtype="Int64").mask(hole),
            "maybe": pd.Series(row % 2 == 0, dtype="boolean").mask(hole),
            "complex": row / 4 - 1j * row,
            "a/b": row,
        }
    )
    frame.index = pd.Index(row * 10, name="index")
    return frame


def pa_dates(row: np.ndarray) -> pd.Series:
    """Days as Arrow has them."""
    return pd.Series(pd.array(row.astype("M8[D]").astype("i8").astype("i4"), dtype="int32")).astype(pd.ArrowDtype(pa.date32()))


@cache
def shuffled() -> pd.DataFrame:
    """Rows whose order is by no column, with equal, missing, negative and extreme values."""
    rng = np.random.default_rng(16)
    number = rng.standard_normal(SORTED_ROWS).round(3)
    number[::97] = np.nan
    number[5], number[6], number[7], number[8] = np.inf, -np.inf, 0.0, -0.0
    text = pd.Series([f"t{n}" for n in rng.integers(0, 30_000, SORTED_ROWS)], dtype="object")
    text[[11, 12, 13]] = ["\uff00", "\U00010000", "é"]
    return pd.DataFrame(
        {
            "number": number,
            "count": rng.integers(-(2**62), 2**62, SORTED_ROWS),
            "small": rng.integers(-5, 5, SORTED_ROWS).astype("i1"),
            "text": text,
            "time": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**9, SORTED_ROWS), unit="s"),
            "single": rng.integers(-50, 50, SORTED_ROWS).astype("f4") / np.float32(10),
            "half": rng.integers(-50, 50, SORTED_ROWS).astype("f2") / np.float16(10),
            "far": np.datetime64("-5000-01-01", "s") + rng.integers(0, 10**12, SORTED_ROWS),
        }
    )


@cache
def wide() -> pd.DataFrame:
    return pd.DataFrame(np.arange(20 * COLUMNS).reshape(20, COLUMNS), columns=[f"c{n}" for n in range(COLUMNS)])


LONG_NAME = "a name that needs more room than the numbers below it"


@cache
def texts() -> pd.DataFrame:
    """Texts of all lengths: those at the end are longer, and the longest fit in no window."""
    row = np.arange(ROWS)
    words = [" ".join(f"word{n}" for n in range(size)) for size in (5 + row // 200 * 3)]
    essays = [" ".join(f"essay{n}" for n in range(300 + r)) for r in row]
    times = pd.Timestamp("1969-12-31T23:59:59.123456789") + pd.to_timedelta(row, unit="ns")
    return pd.DataFrame({"n": row % 10, "words": words, LONG_NAME: row, "time": times, "essay": essays})


def longest() -> Group:
    """A table with so many rows that no browser could give each a height; its values are computed."""

    def read(region: tuple[slice, ...]) -> np.ndarray:
        return np.arange(region[0].start, region[0].stop) * 2 + 1

    column = Array(shape=(LONGEST_ROWS,), dtype=np.dtype("i8"), read=read)
    return Table(children={"odd": column})


def number_at(row: int) -> int:
    """The value of a row of the large file."""
    return row * 7 + 3


@cache
def wave() -> np.ndarray:
    """The values of a row group of the large file; each has the same."""
    return np.sin(np.arange(GROUP) / 1000).round(2).astype("f4")


STATES = ("idle", "ramp", "hold")


def state_at(row: int) -> str:
    return STATES[row % GROUP // 4096 % 3]


def long_file() -> Path:
    """A Parquet file of 100 million rows in 17 MB: its columns are differences and runs."""
    path = FOLDER / f"long-{LONG_ROWS}.parquet"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    writing = path.with_suffix(f".{os.getpid()}")
    schema = pa.schema(
        [("number", pa.int64()), ("wave", pa.float32()), ("state", pa.dictionary(pa.int32(), pa.string())), ("when", pa.timestamp("ms"))]
    )
    row = np.arange(GROUP)
    waves = pa.array(wave())
    states = pa.DictionaryArray.from_arrays(pa.array((row // 4096 % 3).astype("i4")), pa.array(STATES))
    options = {"use_dictionary": ["wave", "state"], "column_encoding": {"number": "DELTA_BINARY_PACKED", "when": "DELTA_BINARY_PACKED"}}
    with parquet.ParquetWriter(writing, schema, compression="none", **options) as writer:
        for start in range(0, LONG_ROWS, GROUP):
            size = min(GROUP, LONG_ROWS - start)
            whole = row[:size] + start
            columns = [pa.array(whole * 7 + 3), waves[:size], states[:size], pa.array(whole * 10).cast(pa.timestamp("ms"))]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=GROUP)
    writing.rename(path)
    return path


def tree() -> dict[str, object]:
    empty = pd.DataFrame({"a": np.zeros(0), "b": np.zeros(0, "M8[s]")})
    return {
        "kinds": kinds(),
        "empty": empty,
        "shuffled": shuffled(),
        "wide": wide(),
        "texts": texts(),
        "longest": longest(),
        "long": tiled_zarr.open(long_file()),
    }
