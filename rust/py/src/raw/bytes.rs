//! Bytes objects.

use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::copy_to_new;

/// A bytes object of `len` bytes, all of which `write` has to write. pyo3's own would zero them
/// first.
pub fn new(py: Python<'_>, len: usize, write: impl FnOnce(&mut [MaybeUninit<u8>])) -> PyResult<Bound<'_, PyBytes>> {
    // SAFETY: the call gives a new reference to a bytes object or null with an exception set, which
    // is what `from_owned_ptr_or_err` takes. No one else has the object yet, so its `len` bytes may
    // be written, and as `MaybeUninit` they need not hold anything before.
    unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), len.cast_signed());
        let object = Bound::from_owned_ptr_or_err(py, object)?;
        let first = ffi::PyBytes_AsString(object.as_ptr()).cast::<MaybeUninit<u8>>();
        write(std::slice::from_raw_parts_mut(first, len));
        Ok(object.cast_into_unchecked())
    }
}

/// A bytes object with a copy of `data`.
pub fn copied<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    new(py, data.len(), |out| copy_to_new(data, out))
}
