//! A count of pages that could not be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use pyo3::prelude::*;

/// How often mapped pages of a file could not be read, also after its mappings are gone.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Faults(Arc<AtomicU64>);

impl Faults {
    /// What a mapping's handler adds to.
    #[cfg(target_os = "linux")]
    pub fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Faults {
    #[new]
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    #[getter]
    fn count(&self) -> u64 {
        self.0.load(SeqCst)
    }
}
