//! Buffers of other objects.

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use tiled_zarr_core::View;
use tiled_zarr_core::view::extent;

use crate::error::exception;

/// A buffer of plain items, held as long as this value lives.
pub struct Buffer(PyUntypedBuffer);

impl Buffer {
    /// The items as opaque bytes at the exporter's strides.
    pub fn view(&self) -> PyResult<View<'_>> {
        let (shape, strides, itemsize) = (self.0.shape(), self.0.strides(), self.0.item_size());
        let too_large = || PyValueError::new_err(format!("buffer of shape {shape:?} with strides {strides:?} is larger than memory"));
        let (below, above) = extent(shape, strides, itemsize).ok_or_else(too_large)?;
        let data = if below + above == 0 {
            &[]
        } else {
            let first = self.0.buf_ptr().cast::<u8>().cast_const();
            // SAFETY: by the buffer protocol every item that shape and strides address is readable while the buffer is held, which
            // `self` does; they lie in one allocation, from `below` bytes before the first to `above` bytes after its start, and
            // `extent` keeps that within isize. Another thread that writes to the array meanwhile tears items, as it does in numpy.
            unsafe { std::slice::from_raw_parts(first.sub(below), below + above) }
        };
        View::new(data, below, shape, strides, itemsize).map_err(exception)
    }

    /// The bytes of a C-contiguous buffer.
    pub fn bytes(&self) -> PyResult<&[u8]> {
        if !self.0.is_c_contiguous() {
            return Err(PyValueError::new_err("buffer is not C-contiguous: copy it first, as in numpy.ascontiguousarray(a)"));
        }
        let n = self.0.len_bytes();
        if n == 0 {
            return Ok(&[]);
        }
        let first = self.0.buf_ptr().cast::<u8>().cast_const();
        // SAFETY: a contiguous buffer is `len_bytes` readable bytes from `buf_ptr` on while it is held, which `self` does.
        Ok(unsafe { std::slice::from_raw_parts(first, n) })
    }

    /// The items of a C-contiguous buffer of int64.
    pub fn int64s(&self) -> PyResult<&[i64]> {
        let format = self.0.format().to_bytes();
        let is_int64 = self.0.item_size() == 8 && matches!(format, b"l" | b"q" | b"<q" | b"=q" | b"@l" | b"@q" | b"<l" | b"=l");
        let bytes = self.bytes()?;
        // SAFETY: every bit pattern is an i64.
        match unsafe { bytes.align_to::<i64>() } {
            ([], items, []) if is_int64 => Ok(items),
            _ => Err(PyTypeError::new_err("expected an aligned buffer of native int64, as in coords.astype(numpy.int64)")),
        }
    }
}

impl FromPyObject<'_, '_> for Buffer {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(&object)?;
        if buffer.suboffsets().is_some_and(|offsets| offsets.iter().any(|&offset| offset >= 0)) {
            return Err(PyTypeError::new_err("buffer is made of pointers to rows: copy it first, as in numpy.ascontiguousarray(a)"));
        }
        if holds_objects(buffer.format().to_bytes()) {
            return Err(PyTypeError::new_err("buffer holds Python objects: only items of fixed size are encoded"));
        }
        Ok(Self(buffer))
    }
}

/// Whether a format in the style of the struct module has an `O`, names (between colons) aside.
fn holds_objects(format: &[u8]) -> bool {
    format.split(|&byte| byte == b':').step_by(2).any(|types| types.contains(&b'O'))
}
