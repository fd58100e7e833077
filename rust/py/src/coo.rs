//! The sparse array class.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::coo::Cut;
use tiled_zarr_core::{Dtype, encode_cut};

use crate::codec::Codec;
use crate::error::{detached, exception};
use crate::raw::buffer::Buffer;
use crate::raw::malloc;
use crate::work::Lease;

/// The body of an empty box, with its size and codec.
type Empty = (usize, tiled_zarr_core::Codec, Py<PyBytes>);

/// A row index of a sparse array, built once. Encoding a box takes time for its own entries alone.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Coo {
    index: tiled_zarr_core::Coo,
    empty: Mutex<Option<Empty>>,
}

#[pymethods]
impl Coo {
    #[new]
    #[pyo3(signature = (coords, data, shape, dtype, fill=None))]
    fn new(py: Python<'_>, coords: Buffer, data: Buffer, shape: Vec<usize>, dtype: &str, fill: Option<&[u8]>) -> PyResult<Self> {
        let dtype = Dtype::parse(dtype).map_err(exception)?;
        let (coords, data) = (coords.int64s()?, data.bytes()?);
        let index = detached(py, || tiled_zarr_core::Coo::new(coords, data, &shape, &dtype, fill))?;
        Ok(Self { index, empty: Mutex::default() })
    }

    /// Memory that the index holds, in bytes.
    #[getter]
    fn nbytes(&self) -> usize {
        self.index.nbytes()
    }

    /// Densify the box of `chunk_shape` at `start` (elements), zero bytes beyond the array's edge,
    /// and compress it.
    fn encode<'py>(&self, py: Python<'py>, start: Vec<usize>, chunk_shape: Vec<usize>, codec: &Codec) -> PyResult<Bound<'py, PyBytes>> {
        let cut = detached(py, || self.index.cut(&start, &chunk_shape))?;
        if cut.constant().is_none() {
            return encode(py, &cut, &codec.0);
        }
        if let Some(body) = self.known_empty(py, cut.nbytes(), &codec.0) {
            return Ok(body);
        }
        let body = encode(py, &cut, &codec.0)?;
        *self.empty.lock().unwrap_or_else(PoisonError::into_inner) = Some((cut.nbytes(), codec.0, body.clone().unbind()));
        Ok(body)
    }
}

impl Coo {
    /// The body of an empty box, if the last one had this size and codec: all empty boxes share one
    /// object.
    fn known_empty<'py>(&self, py: Python<'py>, nbytes: usize, codec: &tiled_zarr_core::Codec) -> Option<Bound<'py, PyBytes>> {
        let empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        empty.as_ref().filter(|(n, other, _)| *n == nbytes && other == codec).map(|(_, _, body)| body.bind(py).clone())
    }
}

fn encode<'py>(py: Python<'py>, cut: &Cut, codec: &tiled_zarr_core::Codec) -> PyResult<Bound<'py, PyBytes>> {
    if codec.is_none() {
        malloc::tune();
        return PyBytes::new_with(py, cut.nbytes(), |out| detached(py, || cut.densify_zeros(out)));
    }
    Lease::take().bytes(py, |workspace| encode_cut(cut, codec, workspace))
}
