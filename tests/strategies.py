"""Hypothesis strategies for arrays and trees of nodes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tiled_zarr import Array, Group
from tiled_zarr.nodes import Options

UNITS = ("ns", "us", "ms", "s", "m", "h", "D")

scalars = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    st.builds(lambda n: np.dtype(f"S{n}"), st.integers(1, 5)),
    st.builds(lambda order, n: np.dtype(f"{order}U{n}"), st.sampled_from("<>"), st.integers(1, 5)),
    st.builds(
        lambda order, kind, unit: np.dtype(f"{order}{kind}8[{unit}]"), st.sampled_from("<>"), st.sampled_from("Mm"), st.sampled_from(UNITS)
    ),
)
structs = st.builds(
    lambda kinds, align: np.dtype([(f"f{i}", kind) for i, kind in enumerate(kinds)], align=align),
    st.lists(scalars, min_size=1, max_size=4),
    st.booleans(),
)
dtypes = st.one_of(scalars, structs)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=6)


def array_node(values: np.ndarray, chunk_shape: tuple[int, ...] | None = None, **fields: object) -> Array:
    """An in-memory array node over `values`."""
    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=lambda region: values[region],
        blocking=False,
        revision=lambda: "1",
        options=Options(chunk_shape=chunk_shape),
        **fields,
    )


@st.composite
def arrays(draw: st.DrawFn, kinds: st.SearchStrategy[np.dtype] = dtypes) -> np.ndarray:
    """Arrays of any type and order, empty ones and views with negative strides too."""
    dtype = draw(kinds)
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7))
    raw = draw(st.binary(min_size=(n := int(np.prod(shape)) * dtype.itemsize), max_size=n)) if dtype.kind in "biufcmM" else None
    values = _from_bytes(raw, dtype, shape) if raw is not None else draw(npst.arrays(dtype, shape))
    values = np.asfortranarray(values) if draw(st.booleans()) else values
    return values[tuple(slice(None, None, draw(st.sampled_from([1, -1, 2]))) for _ in shape)] if values.ndim else values


def _from_bytes(raw: bytes, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    values = np.frombuffer(raw, dtype="u1" if dtype.kind == "b" else dtype)
    return (values > 127 if dtype.kind == "b" else values).reshape(shape)


@st.composite
def chunked(draw: st.DrawFn, kinds: st.SearchStrategy[np.dtype] = dtypes) -> tuple[np.ndarray, tuple[int, ...]]:
    """An array and a chunk shape for it."""
    values = draw(arrays(kinds))
    return values, tuple(draw(st.integers(1, max(1, size))) for size in values.shape)


def trees(leaves: st.SearchStrategy[Array]) -> st.SearchStrategy[Group]:
    """Groups of arrays and groups, a few levels deep, with any names."""
    return st.recursive(
        leaves, lambda inner: st.builds(lambda children: Group(children=children), st.dictionaries(names, inner, max_size=4)), max_leaves=6
    ).filter(lambda node: isinstance(node, Group))
