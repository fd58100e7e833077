//! Files that stay open, and are mapped if the system can.
//!
//! A tile of an uncompressed image is some hundred short rows far apart. A `pread` looks the page of
//! each row up anew and takes 0.5 microseconds; copying the row out of a mapping takes 0.15. If the
//! system cannot map a file, or the rows lie so far apart that each costs a page fault (4 microseconds),
//! they are read through the descriptor, which stays open: opening the file anew takes longer.
//!
//! Looking at a mapping fails by SIGBUS if the file has been cut short or its device fails. The
//! handler of `sigbus.rs` puts zeros there and counts a fault. Whoever looks at a mapping compares
//! the count before and after, and throws away what was made of zeros.

use std::ffi::{c_int, c_void};
use std::fs::File as Open;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use pyo3::exceptions::{PyBufferError, PyMemoryError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::faults::Faults;
use crate::raw::bytes;
#[cfg(target_os = "linux")]
use crate::raw::map::Map;

/// The first bytes of an open file; a buffer of them, if they are mapped, as long as any view of it lives.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct File {
    open: Open,
    nbytes: usize,
    #[cfg(target_os = "linux")]
    map: Option<Map>,
}

#[pymethods]
impl File {
    #[new]
    fn new(fileno: c_int, nbytes: usize, faults: &Faults) -> PyResult<Self> {
        if fileno < 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF).into());
        }
        // SAFETY: it is borrowed for this call, which fails if it is not open.
        let open = Open::from(unsafe { BorrowedFd::borrow_raw(fileno) }.try_clone_to_owned()?);
        #[cfg(target_os = "linux")]
        let map = Map::new(&open, nbytes, faults.counter()).ok();
        #[cfg(not(target_os = "linux"))]
        let _ = faults;
        Ok(Self {
            open,
            nbytes,
            #[cfg(target_os = "linux")]
            map,
        })
    }

    fn __len__(&self) -> usize {
        self.nbytes
    }

    #[getter]
    fn is_mapped(&self) -> bool {
        self.first().is_some()
    }

    /// Copies of pieces, one after the other.
    #[pyo3(signature = (first, nbytes, counts=vec![], strides=vec![]), text_signature = "($self, first, nbytes, counts=(), strides=())")]
    fn read<'py>(
        &self,
        py: Python<'py>,
        first: usize,
        nbytes: usize,
        counts: Vec<usize>,
        strides: Vec<usize>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let pieces = Pieces::new(first, counts, strides)?;
        let too_large = || PyMemoryError::new_err(format!("pieces of {nbytes} bytes, {:?} of them, are larger than memory", pieces.counts));
        let len = pieces.count().and_then(|count| count.checked_mul(nbytes)).filter(|&len| isize::try_from(len).is_ok());
        let mut result = Ok(());
        let bytes = bytes::new(py, len.ok_or_else(too_large)?, |out| {
            result = py.detach(|| {
                let mut parts = out.chunks_exact_mut(nbytes.max(1));
                pieces.all().zip(&mut parts).try_for_each(|(at, part)| read(&self.open, at, part))
            });
        })?;
        result?;
        Ok(bytes)
    }

    /// Take mapped pages out of the process's resident memory; they stay in the system's cache.
    fn release(&self, py: Python<'_>) {
        #[cfg(target_os = "linux")]
        py.detach(|| self.map.iter().for_each(Map::release));
        #[cfg(not(target_os = "linux"))]
        let _ = py;
    }

    /// Have the system read pieces of `nbytes` bytes ahead, unless it seems to have them.
    fn prefetch(&self, py: Python<'_>, first: usize, nbytes: usize, counts: Vec<usize>, strides: Vec<usize>) -> PyResult<()> {
        let pieces = Pieces::new(first, counts, strides)?;
        #[cfg(target_os = "linux")]
        py.detach(|| {
            if !pieces.few().all(|at| is_cached(&self.open, at, nbytes)) {
                pieces.all().for_each(|at| prefetch(&self.open, self.nbytes, at, nbytes));
            }
        });
        #[cfg(not(target_os = "linux"))]
        let _ = (py, pieces, nbytes);
        Ok(())
    }

    /// # Safety
    ///
    /// Python passes a `view` to fill.
    unsafe fn __getbuffer__(slf: PyRef<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let first = slf.first().ok_or_else(|| PyBufferError::new_err("the file is not mapped"))?;
        let nbytes = ffi::Py_ssize_t::try_from(slf.nbytes).map_err(PyBufferError::new_err)?;
        // SAFETY: `nbytes` bytes from `first` on are readable as long as the object lives, to which the view holds a reference.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), first, nbytes, 1, flags) };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}

impl File {
    /// The first mapped byte.
    #[cfg(target_os = "linux")]
    fn first(&self) -> Option<*mut c_void> {
        self.map.as_ref().map(Map::first)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "elsewhere nothing is mapped")]
    fn first(&self) -> Option<*mut c_void> {
        None
    }
}

/// Fill `out` with the file's bytes from `first` on.
fn read(file: &Open, first: usize, mut out: &mut [MaybeUninit<u8>]) -> io::Result<()> {
    let mut at = libc::off_t::try_from(first).map_err(io::Error::other)?;
    while !out.is_empty() {
        // SAFETY: the kernel writes at most as many bytes as there is room for, and says how many.
        let n = unsafe { libc::pread(file.as_raw_fd(), out.as_mut_ptr().cast(), out.len(), at) };
        let error = match usize::try_from(n) {
            Ok(0) => io::Error::from(io::ErrorKind::UnexpectedEof),
            Ok(n) => {
                out = &mut out[n..];
                at += libc::off_t::try_from(n).map_err(io::Error::other)?;
                continue;
            }
            Err(_) => io::Error::last_os_error(),
        };
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

/// Whether the ends of a piece can be read without waiting; false if the file system does not tell.
#[cfg(target_os = "linux")]
fn is_cached(file: &Open, at: usize, nbytes: usize) -> bool {
    [at, at.saturating_add(nbytes.saturating_sub(1))].into_iter().all(|at| {
        let mut byte = 0_u8;
        let piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let Ok(at) = libc::off_t::try_from(at) else { return true };
        // SAFETY: one byte is read to where there is room for it.
        unsafe { libc::preadv2(file.as_raw_fd(), &raw const piece, 1, at, libc::RWF_NOWAIT) >= 0 }
    })
}

/// Have the system read the part of a piece that lies in the first `end` bytes of the file.
#[cfg(target_os = "linux")]
fn prefetch(file: &Open, end: usize, at: usize, nbytes: usize) {
    let start = at.min(end);
    let nbytes = nbytes.min(end - start);
    let (Ok(start), Ok(nbytes)) = (libc::off_t::try_from(start), libc::off_t::try_from(nbytes)) else { return };
    if nbytes > 0 {
        // SAFETY: it takes numbers alone, and only advises.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), start, nbytes, libc::POSIX_FADV_WILLNEED) };
    }
}

/// Where pieces begin that lie at equal distances along some axes.
struct Pieces {
    first: usize,
    counts: Vec<usize>,
    strides: Vec<usize>,
}

impl Pieces {
    fn new(first: usize, counts: Vec<usize>, strides: Vec<usize>) -> PyResult<Self> {
        if counts.len() == strides.len() {
            return Ok(Self { first, counts, strides });
        }
        let text = format!("{} counts and {} strides: one of each is needed for an axis", counts.len(), strides.len());
        Err(PyValueError::new_err(text))
    }

    /// How many there are, if that can be counted.
    fn count(&self) -> Option<usize> {
        self.counts.iter().try_fold(1_usize, |product, &count| product.checked_mul(count))
    }

    /// The piece of a number in C order. Wraps if no file is so long.
    fn at(&self, number: usize) -> usize {
        let mut rest = number;
        self.counts.iter().zip(&self.strides).rev().fold(self.first, |at, (&count, &stride)| {
            let place = rest % count;
            rest /= count;
            at.wrapping_add(place.wrapping_mul(stride))
        })
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        (0..self.count().unwrap_or(0)).map(|number| self.at(number))
    }

    /// A few, in no regular order, since regular ones may be those that someone has looked at before.
    #[cfg(target_os = "linux")]
    fn few(&self) -> impl Iterator<Item = usize> {
        const FEW: usize = 16;
        const GOLDEN: usize = 40503; // of 65536
        let count = self.count().unwrap_or(0);
        (0..FEW.min(count)).map(move |n| self.at(if count <= FEW { n } else { (n * GOLDEN % 65536) * count / 65536 }))
    }
}
