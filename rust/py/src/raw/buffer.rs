//! Memory of Python objects, by the buffer protocol.

use std::ffi::CStr;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use tiled_zarr_core::View;
use tiled_zarr_core::view::extent;

use crate::error::exception;

/// A buffer of plain items, held until this value is dropped.
///
/// pyo3's own class refuses arrays without axes. The struct is boxed because exporters may keep
/// pointers into it.
pub struct Buffer(Box<ffi::Py_buffer>);

// SAFETY: a buffer's memory may be read in any thread while it is held, and whoever drops it
// attaches to the interpreter first.
unsafe impl Send for Buffer {}

impl Buffer {
    /// The items as opaque bytes at the exporter's strides.
    pub fn view(&self) -> PyResult<View<'_>> {
        let (shape, strides, itemsize) = (self.shape(), self.strides(), self.0.itemsize.cast_unsigned());
        let too_large = || PyValueError::new_err(format!("buffer of shape {shape:?} with strides {strides:?} is larger than memory"));
        let (below, above) = extent(shape, strides, itemsize).ok_or_else(too_large)?;
        let data = if below + above == 0 {
            &[]
        } else {
            let first = self.0.buf.cast::<u8>().cast_const();
            // SAFETY: by the buffer protocol every item that shape and strides address is readable
            // while the buffer is held, which `self` does; they lie in one allocation, from `below`
            // bytes before the first to `above` bytes after its start, and `extent` keeps that
            // within isize. Another thread that writes to the array meanwhile tears items, as it
            // does in numpy.
            unsafe { std::slice::from_raw_parts(first.sub(below), below + above) }
        };
        View::new(data, below, shape, strides, itemsize).map_err(exception)
    }

    /// The bytes of a C-contiguous buffer.
    pub fn bytes(&self) -> PyResult<&[u8]> {
        // SAFETY: the buffer is held, and was filled by its exporter.
        let is_contiguous = unsafe { ffi::PyBuffer_IsContiguous(&raw const *self.0, b'C'.cast_signed()) } != 0;
        if !is_contiguous {
            return Err(PyValueError::new_err("buffer is not C-contiguous: copy it first, as in numpy.ascontiguousarray(a)"));
        }
        if self.0.len == 0 {
            return Ok(&[]);
        }
        let first = self.0.buf.cast::<u8>().cast_const();
        // SAFETY: a contiguous buffer is `len` readable bytes from `buf` on while it is held, which
        // `self` does.
        Ok(unsafe { std::slice::from_raw_parts(first, self.0.len.cast_unsigned()) })
    }

    /// The bytes of a C-contiguous buffer, to be written. Refused if the exporter does not allow
    /// that.
    pub fn bytes_mut(&mut self) -> PyResult<&mut [u8]> {
        let n = self.bytes()?.len();
        if self.0.readonly != 0 {
            return Err(PyValueError::new_err("buffer is read-only: give one that may be written, as numpy.empty makes it"));
        }
        if n == 0 {
            return Ok(&mut []);
        }
        // SAFETY: a contiguous buffer is `n` bytes from `buf` on while it is held, which `self`
        // does, and its exporter lets them be written. Another thread that uses the array meanwhile
        // sees torn items, as it does in numpy.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0.buf.cast::<u8>(), n) })
    }

    /// The items of a C-contiguous buffer of int64.
    pub fn int64s(&self) -> PyResult<&[i64]> {
        let is_int64 = self.0.itemsize == 8 && matches!(self.format(), b"l" | b"q" | b"<q" | b"=q" | b"@l" | b"@q" | b"<l" | b"=l");
        // SAFETY: every bit pattern is an i64.
        match unsafe { self.bytes()?.align_to::<i64>() } {
            ([], items, []) if is_int64 => Ok(items),
            _ => Err(PyTypeError::new_err("expected an aligned buffer of native int64, as in coords.astype(numpy.int64)")),
        }
    }

    fn shape(&self) -> &[usize] {
        // SAFETY: there is a length for every axis, none negative, as long as the buffer is held.
        unsafe { numbers(self.0.shape.cast(), self.ndim()) }
    }

    fn strides(&self) -> &[isize] {
        // SAFETY: there is a stride for every axis, because they were asked for, as long as the
        // buffer is held.
        unsafe { numbers(self.0.strides, self.ndim()) }
    }

    fn ndim(&self) -> usize {
        usize::try_from(self.0.ndim).unwrap_or(0)
    }

    /// The type of an item in the style of the struct module; plain bytes if the exporter names
    /// none.
    fn format(&self) -> &[u8] {
        if self.0.format.is_null() {
            return b"B";
        }
        // SAFETY: a format is text that ends with a zero byte, as long as the buffer is held.
        unsafe { CStr::from_ptr(self.0.format) }.to_bytes()
    }

    /// Whether an axis consists of pointers (suboffsets).
    fn is_indirect(&self) -> bool {
        // SAFETY: if there are suboffsets, there is one for every axis.
        !self.0.suboffsets.is_null() && unsafe { numbers(self.0.suboffsets, self.ndim()) }.iter().any(|&offset| offset >= 0)
    }
}

/// The `n` numbers at `first`, which may be null if there are none.
///
/// # Safety
///
/// Otherwise there are `n` numbers, valid for `'a`.
unsafe fn numbers<'a, T>(first: *const T, n: usize) -> &'a [T] {
    if n == 0 {
        return &[];
    }
    // SAFETY: what the caller promises.
    unsafe { std::slice::from_raw_parts(first, n) }
}

impl FromPyObject<'_, '_> for Buffer {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let mut raw = Box::new(ffi::Py_buffer::new());
        // SAFETY: both pointers are good; on success the exporter has filled `raw`, and only then
        // it is released.
        if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *raw, ffi::PyBUF_FULL_RO) } != 0 {
            return Err(PyErr::fetch(object.py()));
        }
        let buffer = Self(raw);
        if buffer.is_indirect() {
            return Err(PyTypeError::new_err("buffer is made of pointers to rows: copy it first, as in numpy.ascontiguousarray(a)"));
        }
        if holds_objects(buffer.format()) {
            return Err(PyTypeError::new_err("buffer holds Python objects: only items of fixed size are encoded"));
        }
        Ok(buffer)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the buffer was filled by its exporter, and is released once, attached to the
        // interpreter.
        Python::attach(|_| unsafe { ffi::PyBuffer_Release(&raw mut *self.0) });
    }
}

/// Whether a format in the style of the struct module has an `O`, names (between colons) aside.
fn holds_objects(format: &[u8]) -> bool {
    format.split(|&byte| byte == b':').step_by(2).any(|types| types.contains(&b'O'))
}
