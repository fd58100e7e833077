//! Errors about sizes.

use crate::error::{Error, Result};

/// Refuse a size other than the one expected.
pub fn check_size(what: &str, got: u64, expected: usize) -> Result<()> {
    if got == expected as u64 { Ok(()) } else { Err(Error::invalid(format!("{what}: {got} bytes, {expected} are expected"))) }
}

/// Refuse a decoded size other than the one expected; None means larger.
pub fn check_decoded(what: &str, got: Option<usize>, expected: usize) -> Result<()> {
    match got {
        Some(n) if n == expected => Ok(()),
        Some(n) => Err(wrong_size(what, n, expected)),
        None => Err(Error::invalid(format!("{what}: decodes to more than the {expected} bytes expected"))),
    }
}

/// The error for a decoded size other than the one expected.
pub fn wrong_size(what: &str, got: usize, expected: usize) -> Error {
    Error::invalid(format!("{what}: decodes to {got} bytes, {expected} are expected"))
}
