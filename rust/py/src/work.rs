//! Each thread's memory for encoding.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::{Encoded, Result, Workspace};

use crate::error::detached;
use crate::raw::{bytes, malloc};

thread_local! {
    static WORKSPACE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// The thread's workspace, borrowed until this value is dropped. A call within a call gets a fresh
/// one.
pub struct Lease(Box<Workspace>);

impl Lease {
    /// Take the workspace.
    pub fn take() -> Self {
        malloc::tune();
        Self(WORKSPACE.take().unwrap_or_default())
    }

    /// Run `encode` in the workspace without the GIL. Returns what it makes as one bytes object.
    pub fn bytes<'a, 'py>(
        &'a mut self,
        py: Python<'py>,
        encode: impl FnOnce(&'a mut Workspace) -> Result<Encoded<'a>> + Send,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let workspace = &mut *self.0;
        let encoded = detached(py, || encode(workspace))?;
        bytes::new(py, encoded.len(), |out| encoded.write_to(out))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut workspace = std::mem::take(&mut self.0);
        workspace.trim();
        WORKSPACE.set(Some(workspace));
    }
}
