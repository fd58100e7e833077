//! The layout of a Blosc 1 chunk: a header, the offset of each block, then each block's length and
//! stream. Numbers are u32, little endian.

use crate::memcpy::copy;

/// Bytes of the header.
pub const HEADER: usize = 16;
/// Bytes of a number.
const WORD: usize = 4;

/// Bits of the header's flags; the upper three are the format of the streams.
pub mod flag {
    /// Blocks are byte-shuffled.
    pub const SHUFFLE: u8 = 0x01;
    /// The data follow the header uncompressed.
    pub const STORED: u8 = 0x02;
    /// Blocks are bit-shuffled.
    pub const BITSHUFFLE: u8 = 0x04;
    /// One stream per block and not one per byte plane: the only layout that all decoders read
    /// alike.
    pub const DONT_SPLIT: u8 = 0x10;
}

/// The header without its sizes.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Filter and format.
    pub flags: u8,
    /// Bytes of an item.
    pub typesize: u8,
}

impl Header {
    fn write(self, nbytes: usize, blocksize: usize, length: usize, out: &mut [u8]) {
        const VERSION: u8 = 2;
        const STREAM_VERSION: u8 = 1;
        out[..WORD].copy_from_slice(&[VERSION, STREAM_VERSION, self.flags, self.typesize]);
        for (i, size) in [nbytes, blocksize, length].into_iter().enumerate() {
            write_word(out, WORD * (i + 1), size);
        }
    }
}

/// Write the header of `nbytes` bytes that are stored uncompressed. Returns its length.
pub fn store(header: Header, nbytes: usize, out: &mut [u8]) -> usize {
    let header = Header { flags: header.flags | flag::STORED, ..header };
    header.write(nbytes, nbytes.max(1), HEADER + nbytes, out);
    HEADER
}

/// A chunk of compressed blocks, which has to be shorter than its data; a block that no longer fits
/// ends it early.
pub struct Writer<'a> {
    header: Header,
    nbytes: usize,
    blocksize: usize,
    /// As long as header and uncompressed data.
    out: &'a mut [u8],
    /// Where the offset of the next block goes.
    offset: usize,
    /// Where the next block goes.
    end: usize,
}

impl<'a> Writer<'a> {
    /// A chunk without blocks.
    pub fn new(header: Header, nbytes: usize, blocksize: usize, out: &'a mut [u8]) -> Self {
        let end = HEADER + WORD * nbytes.div_ceil(blocksize);
        Self { header, nbytes, blocksize, out: &mut out[..HEADER + nbytes], offset: HEADER, end }
    }

    /// Add a block: what `compress` writes, or the block itself if that is not shorter. Returns
    /// whether it fitted.
    pub fn push(&mut self, block: &[u8], compress: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        self.push_stream(block.len(), compress) || {
            let start = self.end + WORD;
            // If all blocks are stored the chunk is longer than its data, so the last block may not
            // fit.
            let Some(stream) = self.out.get_mut(start..).filter(|stream| stream.len() > block.len()) else { return false };
            copy(block, &mut stream[..block.len()]);
            self.note(start, block.len());
            true
        }
    }

    /// Add a block of `nbytes` if `compress` makes it shorter. Returns whether it did, and fitted.
    pub fn push_stream(&mut self, nbytes: usize, compress: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let start = self.end + WORD;
        let Some(stream) = self.out.get_mut(start..) else { return false };
        let room = stream.len().min(nbytes - 1);
        let Some(length) = compress(&mut stream[..room]) else { return false };
        self.note(start, length);
        true
    }

    /// Add a copy of the first block. Returns whether it fitted.
    pub fn repeat(&mut self) -> bool {
        let first = HEADER + WORD * self.nbytes.div_ceil(self.blocksize);
        let length = WORD + read_word(self.out, first);
        if self.out.len() < self.end + length {
            return false;
        }
        self.out.copy_within(first + WORD..first + length, self.end + WORD);
        self.note(self.end + WORD, length - WORD);
        true
    }

    /// Write the header. Returns the length of the chunk, None if it is not shorter than its data.
    pub fn finish(self) -> Option<usize> {
        self.header.write(self.nbytes, self.blocksize, self.end, self.out);
        (self.end < self.out.len()).then_some(self.end)
    }

    /// Write the length and the offset of the block whose stream of `length` bytes lies at `start`.
    fn note(&mut self, start: usize, length: usize) {
        write_word(self.out, self.end, length);
        write_word(self.out, self.offset, self.end);
        self.offset += WORD;
        self.end = start + length;
    }
}

fn write_word(out: &mut [u8], at: usize, value: usize) {
    let value = u32::try_from(value).expect("sizes are bounded by MAX_NBYTES");
    out[at..at + WORD].copy_from_slice(&value.to_le_bytes());
}

fn read_word(out: &[u8], at: usize) -> usize {
    u32::from_le_bytes(*out[at..].first_chunk().expect("a word was written here")) as usize
}
