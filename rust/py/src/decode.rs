//! Stored chunks of HDF5 datasets and of Zarr arrays.

use std::cell::Cell;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tiled_zarr_core::decode::{self, Filter, Format, Pipeline, Stored, Workspace};

use crate::error::{detached, exception};
use crate::raw::buffer::Buffer;
use crate::raw::malloc;

thread_local! {
    static WORKSPACE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// Decodes chunks of an HDF5 dataset or a Zarr array into a region.
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

    /// Decode stored chunks into `out`, the region of its shape at `start` (elements).
    fn read(&self, py: Python<'_>, mut out: Buffer, start: Vec<usize>, chunks: Vec<(Vec<usize>, Buffer, u32)>) -> PyResult<()> {
        let shape = out.view()?.shape().to_vec();
        let out = out.bytes_mut()?;
        let chunks = chunks.iter().map(|(index, stored, mask)| Ok(Stored { index: index.clone(), bytes: stored.bytes()?, mask: *mask }));
        let chunks = chunks.collect::<PyResult<Vec<_>>>()?;
        with_workspace(|workspace| detached(py, || self.0.read(&start, &shape, &chunks, out, workspace)))
    }
}

/// Decode what a compressor has written to the start of `out`. Returns how many bytes that are,
/// None if `out` has no room for as many.
#[pyfunction]
pub fn decompress(py: Python<'_>, name: &str, data: Buffer, mut out: Buffer) -> PyResult<Option<usize>> {
    let format = format(name)?;
    let (data, out) = (data.bytes()?, out.bytes_mut()?);
    with_workspace(|workspace| detached(py, || decode::decompress(format, data, out, workspace)))
}

/// The decoded size that compressed bytes name at their start; None if they name none.
#[pyfunction]
pub fn decoded_size(name: &str, data: Buffer) -> PyResult<Option<u64>> {
    Ok(decode::decoded_size(format(name)?, data.bytes()?))
}

/// Whether compressed bytes may be one whole frame of `nbytes` decoded bytes.
#[pyfunction]
#[pyo3(signature = (name, data, nbytes, *, crc32c=false))]
pub fn is_whole(name: &str, data: Buffer, nbytes: Option<u64>, crc32c: bool) -> PyResult<bool> {
    let (format, data) = (format(name)?, data.bytes()?);
    let frame = if crc32c { data.split_last_chunk::<4>().map(|(frame, _)| frame) } else { Some(data) };
    Ok(frame.is_some_and(|frame| decode::is_whole(format, frame, nbytes)))
}

/// The CRC-32C of bytes.
#[pyfunction]
pub fn crc32c(py: Python<'_>, data: Buffer) -> PyResult<u32> {
    let data = data.bytes()?;
    detached(py, || Ok(decode::crc32c(data)))
}

fn format(name: &str) -> PyResult<Format> {
    Ok(match name {
        "blosc" => Format::Blosc,
        "zstd" => Format::Zstd,
        "gzip" => Format::Gzip,
        "zlib" => Format::Zlib,
        "lz4" => Format::Lz4,
        "none" => Format::None,
        _ => return Err(PyValueError::new_err(format!("codec {name:?}: choose one of blosc, zstd, gzip, zlib, lz4, none"))),
    })
}

/// Lend the thread's workspace to `work`; a call within a call gets one of its own.
fn with_workspace<T>(work: impl FnOnce(&mut Workspace) -> PyResult<T>) -> PyResult<T> {
    malloc::tune();
    let mut workspace = WORKSPACE.take().unwrap_or_default();
    let result = work(&mut workspace);
    workspace.trim();
    WORKSPACE.set(Some(workspace));
    result
}
