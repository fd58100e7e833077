//! Chunks of dense arrays and of strings.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use tiled_zarr_core::{Layout, Run, VlenUtf8, encode_block, encode_bytes};

use crate::codec::Codec;
use crate::error::exception;
use crate::raw::buffer::Buffer;
use crate::work::Lease;

/// An item's layout: source offset, bytes, and width of the units to be reversed, of each run.
pub type Runs = Vec<(usize, usize, usize)>;

/// Gather a block into a C-order chunk, padded at its end on every axis with zero bytes, and
/// compress it.
#[pyfunction]
#[pyo3(signature = (block, chunk_shape, codec, layout=None))]
pub fn encode<'py>(
    py: Python<'py>,
    block: Buffer,
    chunk_shape: Vec<usize>,
    codec: &Codec,
    layout: Option<Runs>,
) -> PyResult<Bound<'py, PyBytes>> {
    let view = block.view()?;
    let layout = layout_of(view.itemsize(), layout)?;
    Lease::take().bytes(py, |workspace| encode_block(&view, &chunk_shape, &layout, &codec.0, workspace))
}

/// The layout of items of `itemsize` bytes; None copies them.
pub fn layout_of(itemsize: usize, runs: Option<Runs>) -> PyResult<Layout> {
    let Some(runs) = runs else { return Ok(Layout::Whole(itemsize)) };
    let runs: Vec<Run> = runs.into_iter().map(|(offset, nbytes, swap)| Run { offset, nbytes, swap }).collect();
    Layout::new(itemsize, &runs).map_err(exception)
}

/// Encode strings, in C order, as Zarr's vlen-utf8 and compress them.
#[pyfunction]
pub fn encode_strings<'py>(py: Python<'py>, items: &Bound<'py, PyAny>, codec: &Codec) -> PyResult<Bound<'py, PyBytes>> {
    let mut written = VlenUtf8::new(items.len()?).map_err(exception)?;
    for item in items.try_iter()? {
        written.push(item?.cast::<PyString>()?.to_str()?).map_err(exception)?;
    }
    Lease::take().bytes(py, |workspace| encode_bytes(written.as_bytes(), &codec.0, workspace))
}
