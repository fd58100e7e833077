//! Each thread's memory for encoding.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::{Result, Workspace};

use crate::error::detached;
use crate::malloc;

thread_local! {
    static WORKSPACE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// The bytes that `encode` makes in the thread's workspace without the GIL, as one exact-size object.
///
/// The workspace is taken out of its place meanwhile: a call within this call makes one of its own, and a panic throws it away.
pub fn encoded(py: Python<'_>, encode: impl FnOnce(&mut Workspace) -> Result<&[u8]> + Send) -> PyResult<Bound<'_, PyBytes>> {
    malloc::tune();
    let mut workspace = WORKSPACE.take().unwrap_or_default();
    let body = detached(py, || encode(&mut workspace))?;
    let bytes = PyBytes::new_with(py, body.len(), |bytes| {
        bytes.copy_from_slice(body);
        Ok(())
    })?;
    workspace.trim();
    WORKSPACE.set(Some(workspace));
    Ok(bytes)
}
