"""The contract of adapters, for their own tests: `docs/adapters.md` shows how to use it.

It needs pytest and zarr-python, with its numcodecs, and nothing else of the package imports it.
"""

try:
    import numcodecs  # noqa: F401
    import pytest
    import zarr  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"tiled_zarr.testing needs {error.name}, which is not installed: pip install pytest 'tiled-zarr[zarr]'", name=error.name
    ) from error

pytest.register_assert_rewrite("tiled_zarr.testing.contract", "tiled_zarr.testing.files", "tiled_zarr.testing.readback")

from .arrays import ARRAYS  # noqa: E402 - after pytest knows that it shows their asserts as those of tests
from .asking import Served  # noqa: E402
from .contract import Case, Contract, assert_same  # noqa: E402
from .files import FileContract, ReaderContract, check_rewritten, check_truncated, outcome, reading, whole  # noqa: E402
from .readback import Truth, check_read_back  # noqa: E402

__all__ = [
    "ARRAYS",
    "Case",
    "Contract",
    "FileContract",
    "ReaderContract",
    "Served",
    "Truth",
    "assert_same",
    "check_read_back",
    "check_rewritten",
    "check_truncated",
    "outcome",
    "reading",
    "whole",
]
