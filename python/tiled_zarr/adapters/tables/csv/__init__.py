"""Text tables (CSV, TSV), plain or gzipped, in the dialects of instruments and spreadsheets."""

from __future__ import annotations

from .tables import open_csv

__all__ = ["open_csv"]
