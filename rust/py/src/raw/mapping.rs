//! Files in memory.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use pyo3::exceptions::{PyBufferError, PyMemoryError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::raw::bytes;
use map::Map;

/// How often mapped pages could not be read; one for all mappings of a file, which count here also after they are let go of.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Faults(Arc<AtomicU64>);

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

/// The first bytes of an open file, mapped for reading; as a buffer they stay mapped as long as any view of them lives.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Mapping(Map);

#[pymethods]
impl Mapping {
    #[new]
    fn new(fileno: c_int, nbytes: usize, faults: &Faults) -> PyResult<Self> {
        Ok(Self(Map::new(fileno, nbytes, Arc::clone(&faults.0))?))
    }

    fn __len__(&self) -> usize {
        self.0.nbytes()
    }

    /// Copies of pieces, one after the other, read and not looked at in the mapping: nobody can change them any more.
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
                pieces.all().zip(&mut parts).try_for_each(|(at, part)| self.0.read(at, part))
            });
        })?;
        result?;
        Ok(bytes)
    }

    /// Take the pages out of the process's resident memory; they stay in the system's cache, and come back when they are looked at.
    fn release(&self, py: Python<'_>) {
        py.detach(|| self.0.release());
    }

    /// Have the system read pieces of `nbytes` bytes ahead, unless it seems to have them: one at `first`, and at every multiple of strides from there.
    fn prefetch(&self, py: Python<'_>, first: usize, nbytes: usize, counts: Vec<usize>, strides: Vec<usize>) -> PyResult<()> {
        let pieces = Pieces::new(first, counts, strides)?;
        py.detach(|| {
            if !pieces.few().all(|at| self.0.is_cached(at, nbytes)) {
                pieces.all().for_each(|at| self.0.prefetch(at, nbytes));
            }
        });
        Ok(())
    }

    /// # Safety
    ///
    /// Python passes a `view` to fill.
    unsafe fn __getbuffer__(slf: PyRef<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let nbytes = ffi::Py_ssize_t::try_from(slf.0.nbytes()).map_err(PyBufferError::new_err)?;
        // SAFETY: `nbytes` bytes from `first` on are readable as long as the object lives, to which the view holds a reference.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), slf.0.first(), nbytes, 1, flags) };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
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

    /// The piece of a number in C order. Wraps where no file is so long.
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
    fn few(&self) -> impl Iterator<Item = usize> {
        const FEW: usize = 16;
        const GOLDEN: usize = 40503; // of 65536
        let count = self.count().unwrap_or(0);
        (0..FEW.min(count)).map(move |n| self.at(if count <= FEW { n } else { (n * GOLDEN % 65536) * count / 65536 }))
    }
}

#[cfg(target_os = "linux")]
mod map {
    use std::ffi::{c_int, c_void};
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
    use std::ptr;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use crate::raw::sigbus::Guard;

    /// A mapping whose faults are caught.
    pub struct Map {
        guard: Option<Guard>,
        first: *mut c_void,
        nbytes: usize,
        file: OwnedFd,
        _faults: Arc<AtomicU64>,
    }

    // SAFETY: the pointer is to memory that is only read, and that belongs to this value alone.
    unsafe impl Send for Map {}
    // SAFETY: the same.
    unsafe impl Sync for Map {}

    impl Map {
        pub fn new(fileno: c_int, nbytes: usize, faults: Arc<AtomicU64>) -> io::Result<Self> {
            if fileno < 0 {
                return Err(io::Error::from_raw_os_error(libc::EBADF));
            }
            // SAFETY: it is borrowed for this call, which fails where it is not open.
            let file = unsafe { BorrowedFd::borrow_raw(fileno) }.try_clone_to_owned()?;
            // SAFETY: the kernel chooses an address that is free, and refuses what is no file of which there can be a mapping.
            let first = unsafe { libc::mmap(ptr::null_mut(), nbytes, libc::PROT_READ, libc::MAP_SHARED, fileno, 0) };
            if first == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let mut map = Self { guard: None, first, nbytes, file, _faults: Arc::clone(&faults) };
            // SAFETY: mapping and count live as long as this value, which drops the guard first; who reads zeros finds the count raised.
            map.guard = Some(unsafe { Guard::new(first as usize, nbytes, Arc::as_ptr(&faults)) }?);
            Ok(map)
        }

        pub fn first(&self) -> *mut c_void {
            self.first
        }

        pub fn nbytes(&self) -> usize {
            self.nbytes
        }

        pub fn release(&self) {
            // SAFETY: the pages are those of a file, never written to, so that they come back as they are when someone looks at them.
            unsafe { libc::madvise(self.first, self.nbytes, libc::MADV_DONTNEED) };
        }

        /// Fill `out` with the file's bytes from `first` on.
        pub fn read(&self, first: usize, mut out: &mut [MaybeUninit<u8>]) -> io::Result<()> {
            let mut at = libc::off_t::try_from(first).map_err(io::Error::other)?;
            while !out.is_empty() {
                // SAFETY: the kernel writes at most as many bytes as there is room for, and says how many.
                let n = unsafe { libc::pread(self.file.as_raw_fd(), out.as_mut_ptr().cast(), out.len(), at) };
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

        /// Whether the ends of a piece can be read without waiting; false where the file system does not tell.
        pub fn is_cached(&self, at: usize, nbytes: usize) -> bool {
            [at, at.saturating_add(nbytes.saturating_sub(1))].into_iter().all(|at| {
                let mut byte = 0_u8;
                let piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
                let Ok(at) = libc::off_t::try_from(at) else { return true };
                // SAFETY: one byte is read to where there is room for it.
                unsafe { libc::preadv2(self.file.as_raw_fd(), &raw const piece, 1, at, libc::RWF_NOWAIT) >= 0 }
            })
        }

        /// Have the part of a piece that lies in the mapping read.
        pub fn prefetch(&self, at: usize, nbytes: usize) {
            let start = at.min(self.nbytes);
            let nbytes = nbytes.min(self.nbytes - start);
            let (Ok(start), Ok(nbytes)) = (libc::off_t::try_from(start), libc::off_t::try_from(nbytes)) else { return };
            if nbytes > 0 {
                // SAFETY: it takes numbers alone, and only advises.
                unsafe { libc::posix_fadvise(self.file.as_raw_fd(), start, nbytes, libc::POSIX_FADV_WILLNEED) };
            }
        }
    }

    impl Drop for Map {
        fn drop(&mut self) {
            self.guard = None;
            // SAFETY: nobody holds a view any more, since views hold the object that this value is in.
            unsafe { libc::munmap(self.first, self.nbytes) };
        }
    }
}

/// Where there is no handler for faults, nothing is mapped.
#[cfg(not(target_os = "linux"))]
mod map {
    use std::ffi::{c_int, c_void};
    use std::io;
    use std::mem::MaybeUninit;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    pub enum Map {}

    impl Map {
        pub fn new(_: c_int, _: usize, _: Arc<AtomicU64>) -> io::Result<Self> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        pub fn first(&self) -> *mut c_void {
            match *self {}
        }

        pub fn nbytes(&self) -> usize {
            match *self {}
        }

        pub fn release(&self) {
            match *self {}
        }

        pub fn read(&self, _: usize, _: &mut [MaybeUninit<u8>]) -> io::Result<()> {
            match *self {}
        }

        pub fn is_cached(&self, _: usize, _: usize) -> bool {
            match *self {}
        }

        pub fn prefetch(&self, _: usize, _: usize) {
            match *self {}
        }
    }
}
