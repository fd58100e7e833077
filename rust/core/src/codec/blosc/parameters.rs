//! What a Blosc chunk is made with.

use std::ops::RangeInclusive;

use super::super::levels::check_level;
use super::writer::{Header, flag};
use crate::error::{Error, Result};

/// The compressor of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cname {
    /// Fast.
    Lz4,
    /// LZ4 with a longer search; the same format.
    Lz4hc,
    /// Deflate.
    Zlib,
    /// Zstandard.
    Zstd,
}

/// The filter of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    /// Nothing.
    None,
    /// Byte planes.
    Byte,
    /// Bit planes.
    Bit,
}

/// What LZ4 looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matches {
    /// Repetitions of anything in the last 64 KiB.
    Any,
    /// Runs of one byte.
    Runs,
}

/// Levels of Blosc; 0 stores.
pub const LEVELS: RangeInclusive<i32> = 0..=9;

/// The largest item size that the header can hold.
const MAX_TYPESIZE: usize = 255;
/// The parameters of a Blosc chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blosc {
    pub(super) cname: Cname,
    pub(super) level: i32,
    pub(super) shuffle: Shuffle,
    pub(super) matches: Matches,
    pub(super) typesize: u8,
}

impl Blosc {
    /// Parameters for items of `typesize` bytes; above 255 it counts as 1, without shuffle.
    pub fn new(cname: Cname, level: i32, shuffle: Shuffle, typesize: usize) -> Result<Self> {
        let level = check_level("blosc", level, LEVELS)?;
        let (typesize, shuffle) = match (typesize, shuffle) {
            (0, _) => return Err(Error::invalid("blosc typesize 0: an item has at least 1 byte")),
            (2..=MAX_TYPESIZE, _) | (1, Shuffle::Bit) => (typesize, shuffle),
            _ => (1, Shuffle::None),
        };
        let typesize = u8::try_from(typesize).expect("at most 255");
        Ok(Self { cname, level, shuffle, matches: Matches::Any, typesize })
    }

    /// The same without a filter.
    pub(super) fn without_shuffle(self) -> Self {
        Self { shuffle: Shuffle::None, ..self }
    }

    /// The parts of a chunk's header that do not depend on its data.
    pub(super) fn header(self) -> Header {
        let shuffle = match self.shuffle {
            Shuffle::None => 0,
            Shuffle::Byte => flag::SHUFFLE,
            Shuffle::Bit => flag::BITSHUFFLE,
        };
        let format = match self.cname {
            Cname::Lz4 | Cname::Lz4hc => 1,
            Cname::Zlib => 3,
            Cname::Zstd => 4,
        };
        Header { flags: shuffle | flag::DONT_SPLIT | format << 5, typesize: self.typesize }
    }
}
