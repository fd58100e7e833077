//! Errors of the core as Python exceptions.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tiled_zarr_core::Error;

/// The exception for an error of the core.
pub fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Invalid(_) => PyValueError::new_err(text),
        Error::TooLarge(_) | Error::OutOfMemory(_) => PyMemoryError::new_err(text),
        Error::Codec(_) => PyRuntimeError::new_err(text),
    }
}

/// Run `work` without the GIL.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> tiled_zarr_core::Result<T> + Send) -> PyResult<T> {
    py.detach(|| guarded(|| work().map_err(exception)))
}

/// Run `work`; a panic becomes a `RuntimeError`, since `except Exception` does not catch pyo3's own
/// `PanicException`.
///
/// After a panic, what `work` borrows mutably may be half written: lend it only what the next call
/// overwrites.
pub fn guarded<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(PyRuntimeError::new_err(format!("tiled_zarr._native panicked, please report it: {}", message(&*panic))))
    })
}

/// The message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Panic, for the test of what becomes of panics.
#[pyfunction]
pub fn _panic(py: Python<'_>) -> PyResult<()> {
    detached(py, || panic!("on purpose"))
}
