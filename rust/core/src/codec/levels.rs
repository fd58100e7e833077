//! Levels of compressors.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};

/// The level, refused if the compressor does not have it.
pub fn check_level(name: &str, level: i32, range: RangeInclusive<i32>) -> Result<i32> {
    if range.contains(&level) {
        return Ok(level);
    }
    Err(Error::invalid(format!("{name} level {level}: choose one from {} to {}", range.start(), range.end())))
}
