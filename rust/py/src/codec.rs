//! The codec class.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::codec::blosc::{Cname, Shuffle};
use tiled_zarr_core::{Blosc, encode_bytes};

use crate::error::exception;
use crate::raw::buffer::Buffer;
use crate::work::Lease;

/// A compressor with its filter, as bytes -> bytes; equal input gives equal output.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Codec(pub tiled_zarr_core::Codec);

#[pymethods]
impl Codec {
    #[new]
    #[pyo3(signature = (name, *, level=5, cname="lz4", shuffle="shuffle", typesize=1, crc32c=false))]
    fn new(name: &str, level: i32, cname: &str, shuffle: &str, typesize: usize, crc32c: bool) -> PyResult<Self> {
        use tiled_zarr_core::Codec;
        let codec = match name {
            "blosc" => Blosc::new(parse_cname(cname)?, level, parse_shuffle(shuffle)?, typesize).map(Codec::blosc),
            "zstd" => Codec::zstd(level),
            "gzip" => Codec::gzip(level),
            "zlib" => Codec::zlib(level),
            "lz4" => Codec::lz4(level),
            "none" => Ok(Codec::none()),
            _ => return Err(unknown("codec", name, "blosc, zstd, gzip, zlib, lz4, none")),
        };
        Ok(Self(codec.map_err(exception)?.with_crc32c(crc32c)))
    }

    /// Compress C-contiguous `data`.
    fn encode<'py>(&self, py: Python<'py>, data: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        let data = data.bytes()?;
        Lease::take().bytes(py, |workspace| encode_bytes(data, &self.0, workspace))
    }
}

fn parse_cname(cname: &str) -> PyResult<Cname> {
    Ok(match cname {
        "lz4" => Cname::Lz4,
        "lz4hc" => Cname::Lz4hc,
        "zlib" => Cname::Zlib,
        "zstd" => Cname::Zstd,
        _ => return Err(unknown("cname", cname, "lz4, lz4hc, zlib, zstd")),
    })
}

fn parse_shuffle(shuffle: &str) -> PyResult<Shuffle> {
    Ok(match shuffle {
        "noshuffle" => Shuffle::None,
        "shuffle" => Shuffle::Byte,
        "bitshuffle" => Shuffle::Bit,
        _ => return Err(unknown("shuffle", shuffle, "noshuffle, shuffle, bitshuffle")),
    })
}

fn unknown(what: &str, value: &str, allowed: &str) -> PyErr {
    PyValueError::new_err(format!("{what} {value:?}: choose one of {allowed}"))
}
