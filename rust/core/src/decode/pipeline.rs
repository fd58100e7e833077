//! The filters of a dataset, undone from the last to the first:
//! <https://support.hdfgroup.org/documentation/hdf5/latest/group___h5_z.html>.
//!
//! HDF5 numbers filters with 16 bits. Numbers from 65536 on are ours, for Zarr codecs that are no
//! filters of HDF5.

use super::bitshuffle::{Bitshuffle, Inner};
use super::size::check_size;
use super::unshuffle::unshuffle;
use super::workspace::{Engines, Tools};
use super::{blosc, crc32c, fletcher, lz4, lzf};
use crate::error::{Error, Result};
use crate::memcpy::copy;

/// Bytes of a checksum, of either kind.
const CHECKSUM: usize = fletcher::NBYTES;

/// A filter with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// 1: zlib.
    Deflate,
    /// 2: byte shuffle of items of so many bytes.
    Shuffle(usize),
    /// 3: checksum.
    Fletcher32,
    /// 32000: LZF, which h5py brings.
    Lzf,
    /// 32001: chunks of Blosc 1.
    Blosc,
    /// 32004: LZ4.
    Lz4,
    /// 32008: bit shuffle, with LZ4 or Zstandard behind it.
    Bitshuffle(Bitshuffle),
    /// 32015: Zstandard.
    Zstd,
    /// 65536: gzip.
    Gzip,
    /// 65537: one LZ4 block behind its decoded size, as numcodecs writes it.
    SizedLz4,
    /// 65538: checksum.
    Crc32c,
}

impl Filter {
    /// A filter by its registered number and its stored parameters. Refused if either is not
    /// supported.
    pub fn parse(code: u32, parameters: &[u32]) -> Result<Self> {
        let parameter = |i: usize| parameters.get(i).map(|&value| value as usize);
        let unknown = || Error::invalid(format!("filter {code} with the parameters {parameters:?} is not known"));
        Ok(match code {
            1 => Self::Deflate,
            2 => Self::Shuffle(parameter(0).filter(|&itemsize| itemsize > 0).ok_or_else(unknown)?),
            3 => Self::Fletcher32,
            32000 => Self::Lzf,
            32001 => Self::Blosc,
            32004 => Self::Lz4,
            32008 => {
                let inner = match parameter(4).unwrap_or(0) {
                    0 => Inner::None,
                    2 => Inner::Lz4,
                    3 => Inner::Zstd,
                    _ => return Err(unknown()),
                };
                Self::Bitshuffle(Bitshuffle::new(parameter(2).ok_or_else(unknown)?, parameter(3).unwrap_or(0), inner)?)
            }
            32015 => Self::Zstd,
            65536 => Self::Gzip,
            65537 => Self::SizedLz4,
            65538 => Self::Crc32c,
            _ => return Err(unknown()),
        })
    }

    /// Whether the encoded size depends on the data.
    fn compresses(self) -> bool {
        match self {
            Self::Shuffle(_) | Self::Fletcher32 | Self::Crc32c => false,
            Self::Bitshuffle(bitshuffle) => bitshuffle.is_framed(),
            _ => true,
        }
    }

    /// The bytes in front of this filter's checksum. None if the filter is no checksum.
    fn checked(self, data: &[u8]) -> Option<Result<&[u8]>> {
        match self {
            Self::Fletcher32 => Some(fletcher::check(data)),
            Self::Crc32c => Some(crc32c::check(data)),
            _ => None,
        }
    }

    fn is_checksum(self) -> bool {
        matches!(self, Self::Fletcher32 | Self::Crc32c)
    }

    /// Decode `data` into `out`, which has exactly the decoded size. Not for checksums.
    fn undo(self, data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<()> {
        if !self.compresses() {
            check_size("a filter that changes no size", data.len() as u64, out.len())?;
        }
        match self {
            Self::Deflate => engines.deflate.decode(data, out),
            Self::Shuffle(itemsize) => {
                unshuffle(itemsize, data, out);
                Ok(())
            }
            Self::Fletcher32 | Self::Crc32c => unreachable!("a checksum leaves the data where they are"),
            Self::Lzf => lzf::decode(data, out),
            Self::Blosc => blosc::decode(data, out, engines),
            Self::Lz4 => lz4::framed(data, out),
            Self::Bitshuffle(bitshuffle) => bitshuffle.decode(data, out, engines),
            Self::Zstd => engines.zstd.decode(data, out),
            Self::Gzip => engines.deflate.decode_gzip(data, out),
            Self::SizedLz4 => lz4::sized(data, out),
        }
    }
}

/// Filters in the order in which they were applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline(Vec<Filter>);

impl Pipeline {
    /// At most 32 filters, the bits of a mask, with at most one compressor: so the chunk's size
    /// gives all sizes between filters.
    pub fn new(filters: Vec<Filter>) -> Result<Self> {
        let compressors = filters.iter().filter(|filter| filter.compresses()).count();
        if filters.len() > 32 || compressors > 1 {
            return Err(Error::invalid(format!("{} filters with {compressors} compressors: at most 32 with 1 are undone", filters.len())));
        }
        Ok(Self(filters))
    }

    /// Whether no filter was applied to a chunk, by its mask of skipped filters.
    pub(super) fn is_idle(&self, mask: u32) -> bool {
        self.active(mask).next().is_none()
    }

    /// Decode the stored bytes of a chunk into `out`, which has exactly its size. A bit of `mask`
    /// says that a filter was skipped.
    pub fn decode(&self, stored: &[u8], mask: u32, out: &mut [u8], tools: &mut Tools) -> Result<()> {
        let Tools { steps: [a, b], engines } = tools;
        let (mut from, mut to) = (a, b);
        let mut data = stored;
        let mut checksums = self.active(mask).filter(|filter| filter.is_checksum()).count();
        let mut left = self.active(mask).count();
        let mut is_done = false;
        for filter in self.active(mask).rev() {
            left -= 1;
            if let Some(bytes) = filter.checked(data) {
                data = bytes?;
                checksums -= 1;
            } else if left == 0 {
                filter.undo(data, out, engines)?;
                is_done = true;
            } else {
                let size = out.len() + checksums * CHECKSUM;
                filter.undo(data, to.take(size)?, engines)?;
                (from, to) = (to, from);
                data = from.taken(size);
            }
        }
        if !is_done {
            check_size("stored bytes", data.len() as u64, out.len())?;
            copy(data, out);
        }
        Ok(())
    }

    fn active(&self, mask: u32) -> impl DoubleEndedIterator<Item = Filter> {
        self.0.iter().enumerate().filter(move |(i, _)| mask >> i & 1 == 0).map(|(_, filter)| *filter)
    }
}
