"""The proxy serves what Tiled's own client reads."""

from __future__ import annotations

import io
from collections.abc import Iterator

import dask.array
import numpy as np
import pandas as pd
import pytest
import sparse
import zarr
from tests.tiled.proxying import KEY, Pair, paired
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.awkward import AwkwardAdapter
from tiled.adapters.dataframe import DataFrameAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.adapters.sparse import COOAdapter
from tiled.client import from_context
from tiled.client.context import Context
from tiled.config import Authentication
from tiled.server.app import build_app

from stores import Served

draw = np.random.default_rng(13)
