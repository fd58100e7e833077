//! Files in memory.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::raw::sigbus::Guard;

/// A mapping whose faults are caught.
pub struct Map {
    guard: Option<Guard>,
    first: *mut c_void,
    nbytes: usize,
    _faults: Arc<AtomicU64>,
}

// SAFETY: the pointer is to memory that is only read, and that belongs to this value alone.
unsafe impl Send for Map {}
// SAFETY: the same.
unsafe impl Sync for Map {}

impl Map {
    pub fn new(file: &File, nbytes: usize, faults: Arc<AtomicU64>) -> io::Result<Self> {
        // SAFETY: the kernel chooses an address that is free, and refuses what is no file of which there can be a mapping.
        let first = unsafe { libc::mmap(ptr::null_mut(), nbytes, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if first == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mut map = Self { guard: None, first, nbytes, _faults: Arc::clone(&faults) };
        // SAFETY: mapping and count live as long as this value, which drops the guard first; who reads zeros finds the count raised.
        map.guard = Some(unsafe { Guard::new(first as usize, nbytes, Arc::as_ptr(&faults)) }?);
        Ok(map)
    }

    pub fn first(&self) -> *mut c_void {
        self.first
    }

    pub fn release(&self) {
        // SAFETY: the pages are those of a file, never written to, so that they come back as they are when someone looks at them.
        unsafe { libc::madvise(self.first, self.nbytes, libc::MADV_DONTNEED) };
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.guard = None;
        // SAFETY: nobody holds a view any more, since views hold the object that this value is in.
        unsafe { libc::munmap(self.first, self.nbytes) };
    }
}
