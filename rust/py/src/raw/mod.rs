//! The unsafe room: memory of Python objects as slices, files in memory, and the allocator.
#![expect(unsafe_code, reason = "what is behind a pointer is the promise of who gave it, stated at each block")]

pub mod buffer;
pub mod bytes;
#[cfg(unix)]
pub mod file;
pub mod malloc;
#[cfg(target_os = "linux")]
mod map;
pub mod priority;
#[cfg(target_os = "linux")]
mod sigbus;
