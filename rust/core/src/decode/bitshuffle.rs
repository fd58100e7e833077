//! The bit shuffle undone, and the HDF5 filter 32008, which compresses shuffled blocks:
//! <https://github.com/kiyo-masui/bitshuffle>.

use super::lz4;
use super::reader::Reader;
use super::size::check_size;
use super::unshuffle::unshuffle;
use super::workspace::Engines;
use crate::codec::bitshuffle::transpose;
use crate::error::{Error, Result};
use crate::memcpy::copy;

/// Items whose bits at one position fill a byte.
const GROUP: usize = 8;
/// Bytes of a block, by default.
const BLOCK: usize = 8192;
/// Items of a default block, at least.
const MIN_ITEMS: usize = 128;

/// The compressor behind the shuffle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inner {
    /// None: the filter changes no size and writes no header.
    None,
    /// An LZ4 block each.
    Lz4,
    /// A Zstandard frame each.
    Zstd,
}

/// The parameters of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bitshuffle {
    itemsize: usize,
    items: usize,
    inner: Inner,
}

impl Bitshuffle {
    /// Items of `itemsize` bytes in blocks of `items`; 0 is the default block.
    pub fn new(itemsize: usize, items: usize, inner: Inner) -> Result<Self> {
        if itemsize == 0 || !items.is_multiple_of(GROUP) {
            return Err(Error::invalid(format!("bitshuffle: blocks of {items} items of {itemsize} bytes, no multiple of {GROUP}")));
        }
        let chosen = if items == 0 { (BLOCK / itemsize / GROUP * GROUP).max(MIN_ITEMS) } else { items };
        Ok(Self { itemsize, items: chosen, inner })
    }

    /// Whether the stored bytes begin with a header.
    pub fn is_framed(self) -> bool {
        self.inner != Inner::None
    }

    /// Decode stored bytes: with a compressor the size of the chunk and of a block, big endian,
    /// then each block behind its length.
    ///
    /// The last block has the remaining whole groups of 8 items; items beyond them follow
    /// uncompressed.
    pub fn decode(self, data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<()> {
        let mut reader = Reader::new("bitshuffle", data);
        let mut blocksize = self.items.saturating_mul(self.itemsize);
        if self.is_framed() {
            check_size("bitshuffle", reader.u64_be()?, out.len())?;
            blocksize = reader.u32_be()?;
        }
        let group = GROUP * self.itemsize;
        if blocksize == 0 || !blocksize.is_multiple_of(group) || !out.len().is_multiple_of(self.itemsize) {
            let len = out.len();
            return Err(Error::invalid(format!("bitshuffle: {len} bytes in blocks of {blocksize}, items of {}", self.itemsize)));
        }
        let whole = out.len() / group * group;
        let (blocks, rest) = out.split_at_mut(whole);
        for block in blocks.chunks_mut(blocksize) {
            self.block(&mut reader, block, engines)?;
        }
        rest.copy_from_slice(reader.take(rest.len())?);
        Ok(())
    }

    fn block(self, reader: &mut Reader, out: &mut [u8], engines: &mut Engines) -> Result<()> {
        let Engines { blocks: [bits, planes], zstd, .. } = engines;
        let planes = planes.take(out.len())?;
        if self.inner == Inner::None {
            bitunshuffle(self.itemsize, reader.take(out.len())?, out, planes);
            return Ok(());
        }
        let length = reader.u32_be()?;
        let (stream, bits) = (reader.take(length)?, bits.take(out.len())?);
        match self.inner {
            Inner::Zstd => zstd.decode(stream, bits)?,
            _ => lz4::block(stream, bits)?,
        }
        bitunshuffle(self.itemsize, bits, out, planes);
        Ok(())
    }
}

/// Undo the bit shuffle of `source` into `target`; `planes` is scratch memory. All three have the
/// same length.
///
/// A number of items that is no multiple of 8 was not shuffled, nor were bytes behind the last
/// whole item.
pub fn bitunshuffle(typesize: usize, source: &[u8], target: &mut [u8], planes: &mut [u8]) {
    let n = source.len() / typesize;
    let whole = n * typesize;
    if !n.is_multiple_of(GROUP) || n == 0 {
        copy(source, target);
        return;
    }
    for (bits, plane) in source[..whole].chunks_exact(n).zip(planes[..whole].chunks_exact_mut(n)) {
        unshuffle(GROUP, bits, plane);
        for group in plane.as_chunks_mut::<GROUP>().0 {
            *group = transpose(u64::from_le_bytes(*group)).to_le_bytes();
        }
    }
    unshuffle(typesize, &planes[..whole], &mut target[..whole]);
    target[whole..].copy_from_slice(&source[whole..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::bitshuffle::bitshuffle;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn undoes_the_bit_shuffle(typesize in 1_usize..20, n in 0_usize..300, extra in 0_usize..19, seed in prop::collection::vec(any::<u8>(), 1..40)) {
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(n * typesize + extra % typesize).collect();
            let [mut shuffled, mut items, mut planes] = [const { Vec::new() }; 3].map(|_: Vec<u8>| vec![0xAA; bytes.len()]);
            bitshuffle(typesize, &bytes, &mut shuffled);
            bitunshuffle(typesize, &shuffled, &mut items, &mut planes);
            prop_assert_eq!(items, bytes);
        }
    }
}
