//! The sparse array class.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::{Dtype, encode_box};

use crate::codec::Codec;
use crate::error::{detached, exception};
use crate::raw::buffer::Buffer;
use crate::work::Lease;

/// A row index over the entries of a sparse array, built once; boxes of it are densified in time that follows their own entries.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Coo(tiled_zarr_core::Coo);

#[pymethods]
impl Coo {
    #[new]
    #[pyo3(signature = (coords, data, shape, dtype, fill=None))]
    fn new(py: Python<'_>, coords: Buffer, data: Buffer, shape: Vec<usize>, dtype: &str, fill: Option<&[u8]>) -> PyResult<Self> {
        let dtype = Dtype::parse(dtype).map_err(exception)?;
        let (coords, data) = (coords.int64s()?, data.bytes()?);
        detached(py, || tiled_zarr_core::Coo::new(coords, data, &shape, &dtype, fill)).map(Self)
    }

    /// Memory that the index holds, in bytes.
    #[getter]
    fn nbytes(&self) -> usize {
        self.0.nbytes()
    }

    /// Densify the box of `chunk_shape` at `start` (elements), zero bytes beyond the array's edge, and compress it.
    fn encode<'py>(&self, py: Python<'py>, start: Vec<usize>, chunk_shape: Vec<usize>, codec: &Codec) -> PyResult<Bound<'py, PyBytes>> {
        Lease::take().bytes(py, |workspace| encode_box(&self.0, &start, &chunk_shape, &codec.0, workspace))
    }
}
