//! Sizes that are not what they should be.

use crate::error::{Error, Result};

/// Refuse data that say another size than the one expected.
pub fn check_size(what: &str, got: u64, expected: usize) -> Result<()> {
    if got == expected as u64 { Ok(()) } else { Err(Error::invalid(format!("{what}: {got} bytes, {expected} are expected"))) }
}

/// What a decoder says whose data say that they are larger than the `most` bytes there is room for.
pub fn too_large(what: &str, said: u64, most: usize) -> Error {
    Error::invalid(format!("{what}: decodes to {said} bytes, at most {most} are expected"))
}

/// What a decoder says that has made another size than the one expected.
pub fn wrong_size(what: &str, got: usize, expected: usize) -> Error {
    Error::invalid(format!("{what}: decodes to {got} bytes, {expected} are expected"))
}
