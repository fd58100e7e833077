"""Text tables (CSV, TSV), plain or compressed by gzip, of any dialect that instruments and spreadsheets write."""

from __future__ import annotations

from .tables import open_csv

__all__ = ["open_csv"]
