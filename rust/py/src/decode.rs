//! Stored chunks of HDF5 datasets.

use std::cell::Cell;

use pyo3::prelude::*;
use tiled_zarr_core::decode::{Filter, Pipeline, Stored, Workspace};

use crate::error::{detached, exception};
use crate::raw::buffer::Buffer;
use crate::raw::malloc;

thread_local! {
    static WORKSPACE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// Undoes the filters of a chunked HDF5 dataset or the codecs of a Zarr array and puts what a region wants of its chunks into their places.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Decoder(tiled_zarr_core::decode::Decoder);

#[pymethods]
impl Decoder {
    #[new]
    fn new(filters: Vec<(u32, Vec<u32>)>, chunk_shape: Vec<usize>, itemsize: usize) -> PyResult<Self> {
        malloc::tune();
        let filters = filters.iter().map(|(code, parameters)| Filter::parse(*code, parameters)).collect::<Result<_, _>>();
        let decoder =
            filters.and_then(Pipeline::new).and_then(|pipeline| tiled_zarr_core::decode::Decoder::new(pipeline, chunk_shape, itemsize));
        decoder.map(Self).map_err(exception)
    }

    /// Write what the region of the shape of `out` at `start` (elements) has of stored chunks to `out`.
    fn read(&self, py: Python<'_>, mut out: Buffer, start: Vec<usize>, chunks: Vec<(Vec<usize>, Buffer, u32)>) -> PyResult<()> {
        let shape = out.view()?.shape().to_vec();
        let out = out.bytes_mut()?;
        let chunks = chunks.iter().map(|(index, stored, mask)| Ok(Stored { index: index.clone(), bytes: stored.bytes()?, mask: *mask }));
        let chunks = chunks.collect::<PyResult<Vec<_>>>()?;
        let mut workspace = WORKSPACE.take().unwrap_or_default();
        let result = detached(py, || self.0.read(&start, &shape, &chunks, out, &mut workspace));
        workspace.trim();
        WORKSPACE.set(Some(workspace));
        result
    }
}
