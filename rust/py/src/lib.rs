//! `tiled_zarr._native`: tiled-zarr-core for Python, and nothing of its own.
#![allow(clippy::needless_pass_by_value, reason = "arguments of Python functions are made for the call")]

mod codec;
mod coo;
mod decode;
mod encode;
mod error;
mod faults;
#[cfg(unix)]
mod pool;
mod pyramid;
mod raw;
mod work;

use pyo3::prelude::*;

/// Chunks, computed natively.
#[pymodule]
mod _native {
    use pyo3::exceptions::PyRuntimeWarning;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::codec::Codec;
    #[pymodule_export]
    use super::coo::Coo;
    #[pymodule_export]
    use super::decode::{Decoder, crc32c, decoded_size, decompress, is_whole};
    #[pymodule_export]
    use super::encode::{encode, encode_strings};
    #[pymodule_export]
    use super::error::_panic;
    #[pymodule_export]
    use super::faults::Faults;
    #[cfg(unix)]
    #[pymodule_export]
    use super::pool::Pool;
    #[pymodule_export]
    use super::pyramid::{halve, minmax};
    #[cfg(unix)]
    #[pymodule_export]
    use super::raw::file::File;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        if cfg!(debug_assertions) {
            let text = c"tiled_zarr._native is a debug build, 10 to 100 times slower: run `maturin develop --release`";
            PyErr::warn(module.py(), &module.py().get_type::<PyRuntimeWarning>(), text, 1)?;
        }
        Ok(())
    }
}
