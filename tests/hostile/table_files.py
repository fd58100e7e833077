"""Tables of text and Parquet that are damaged, endless when unpacked, or too wide."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet

from hostile.things import (
    REFUSED,
    TOO_LARGE,
    Bad,
    Claim,
    Counted,
    Good,
    broken,
    damaged_kinds,
    flipped,
    formless,
    hostile,
    too_large,
    unreadable,
)

FRAME = pd.DataFrame({"n": np.arange(1000), "x": np.linspace(0, 1, 1000)})
MEGABYTE = 2**20
WIDTH = 8000


@hostile("tables")
def good(at: Path) -> Iterable[Claim]:
    for suffix in ("parquet", "pq"):
        FRAME.to_parquet(at / f"good_{suffix}.{suffix}")
    for suffix, separator in (("csv", ","), ("tsv", "\t"), ("csv.gz", ","), ("tsv.gz", "\t")):
        FRAME.to_csv(at / f"good_{suffix.replace('.', '_')}.{suffix}", index=False, sep=separator)
    names = ("good_parquet", "good_pq", "good_csv", "good_tsv", "good_csv_gz", "good_tsv_gz")
    return [Good(path=f"{name}/{column}", values=FRAME[column].to_numpy()) for name in names for column in FRAME]


@hostile("tables")
def damaged(at: Path) -> Iterable[Claim]:
    """Parquet and packed text cut, emptied and replaced."""
    FRAME.to_csv(at / "packed.csv.gz", index=False)
    FRAME.to_parquet(at / "columns.parquet")
    files = [at / "packed.csv.gz", at / "columns.parquet"]
    claims = [bad for file in files for bad in damaged_kinds(file)]
    for file in files:
        file.unlink()
    return claims


@hostile("tables")
def damaged_text(at: Path) -> Iterable[Claim]:
    """Text has no magic number: it is damaged if it is empty or its rows differ in length."""
    for suffix, separator in (("csv", ","), ("tsv", "\t")):
        (at / f"emptied_{suffix}.{suffix}").write_bytes(b"")
        rows = [["a", "b"], ["1", "2"], ["3"], ["4", "5", "6"]]
        (at / f"ragged_{suffix}.{suffix}").write_text("".join(separator.join(row) + "\n" for row in rows))
    return [broken(f"{kind}_{suffix}", f"{kind}_{suffix}.{suffix}") for kind in ("emptied", "ragged") for suffix in ("csv", "tsv")]


@hostile("tables")
def flipped_page(at: Path) -> Iterable[Claim]:
    """One bit of a page of a Parquet column that has checksums: the other column is good."""
    parquet.write_table(
        pa.table({"a": np.arange(1000), "b": np.arange(1000)}),
        at / "page.parquet",
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    column = parquet.ParquetFile(at / "page.parquet").metadata.row_group(0).column(0)
    raw = (at / "page.parquet").read_bytes()
    (at / "page.parquet").write_bytes(flipped(raw, column.data_page_offset + column.total_compressed_size - 4))
    return [unreadable("page/a"), Good(path="page/b", values=np.arange(1000))]


@hostile("tables")
def flipped_compressed_page(at: Path) -> Iterable[Claim]:
    """Garbage in the middle of a compressed page."""
    parquet.write_table(pa.table({"a": np.arange(20_000)}), at / "packed.parquet", compression="gzip", use_dictionary=False)
    column = parquet.ParquetFile(at / "packed.parquet").metadata.row_group(0).column(0)
    raw = bytearray((at / "packed.parquet").read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    raw[middle : middle + 64] = b"\xff" * 64
    (at / "packed.parquet").write_bytes(raw)
    return [unreadable("packed/a")]


@hostile("tables")
def nested_columns(at: Path) -> Iterable[Claim]:
    """Lists and structs, which have no form in Zarr, beside numbers."""
    table = pa.table({"n": [1, 2], "list": [[1], [1, 2]], "struct": [{"a": 1}, {"a": 2}], "nothing": pa.nulls(2)})
    parquet.write_table(table, at / "nested.parquet")
    return [Good(path="nested/n", values=np.array([1, 2])), formless("nested/list"), formless("nested/struct")]


@hostile("tables")
def names_of_columns(at: Path) -> Iterable[Claim]:
    """Columns without a name, or with one that is repeated, not UTF-8, 100 kB long, or reserved."""
    (at / "names.csv").write_bytes(b",a,a,zarr.json,..,__x," + b"n" * 100_000 + b"\n1,2,3,4,5,6,7\n")
    (at / "latin.csv").write_bytes("Höhe,Größe\n1,2\n".encode("latin-1"))
    (at / "controls.csv").write_bytes(b'"a\nb","c\x00d","e\x1bf"\n1,2,3\n')
    return [Counted(path="names", entries=7), Counted(path="latin", entries=2), Counted(path="controls", entries=3)]


@hostile("wide")
def wide(at: Path) -> Iterable[Claim]:
    """48 kB of text with 8,000 columns."""
    names = [f"c{number}" for number in range(WIDTH)]
    (at / "wide.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    return [Good(path=f"wide/c{number}", values=np.array([1])) for number in (0, WIDTH - 1)]


@hostile("tables")
def bomb(at: Path) -> Iterable[Claim]:
    """A gzipped CSV of 500 kB that unpacks to 500 MB, and to 2 GB of integers.

    A gzip file may have several members in a row.
    """
    member = gzip.compress(b"1,2\n" * (5 * MEGABYTE // 2), mtime=0)
    (at / "bomb.csv.gz").write_bytes(gzip.compress(b"a,b\n", mtime=0) + member * 50)
    return [too_large("bomb/a"), Bad(path="bomb", documents=TOO_LARGE, chunks=REFUSED | TOO_LARGE)]


@hostile("tables")
def long_strings(at: Path) -> Iterable[Claim]:
    """A thousand times the same string of 1 MB: a few kB with a dictionary, 1 GB as a chunk."""
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1000, "i4")), pa.array(["x" * MEGABYTE]))
    parquet.write_table(pa.table({"words": words, "n": np.arange(1000)}), at / "strings.parquet")
    return [Good(path="strings/n", values=np.arange(1000)), too_large("strings/words")]


@hostile("tables")
def no_rows(at: Path) -> Iterable[Claim]:
    """A header without rows is an empty table, not a damaged one."""
    csv.write_csv(pa.table({"a": pa.array([], "i8"), "b": pa.array([], "f8")}), at / "no_rows.csv")
    return [Counted(path="no_rows", entries=2)]


@hostile("tables")
def lying_footer(at: Path) -> Iterable[Claim]:
    """A Parquet file whose footer is said to be longer than the file."""
    parquet.write_table(pa.table({"a": [1]}), at / "lying.parquet")
    raw = (at / "lying.parquet").read_bytes()
    (at / "lying.parquet").write_bytes(raw[:-8] + (2**31 - 1).to_bytes(4, "little") + raw[-4:])
    return [broken("lying", "lying.parquet")]
