//! The bytes of a Blosc 1 chunk: a header, the blocks' offsets, then each block's length and stream; numbers are u32, little endian.

use crate::memcpy::copy;

/// Bytes of the header.
pub const HEADER: usize = 16;
/// Bytes of a number.
const WORD: usize = 4;

/// Bits of the header's flags; the upper three are the format of the streams.
pub mod flag {
    /// Blocks are byte-shuffled.
    pub const SHUFFLE: u8 = 0x01;
    /// The data follow the header as they are.
    pub const STORED: u8 = 0x02;
    /// Blocks are bit-shuffled.
    pub const BITSHUFFLE: u8 = 0x04;
    /// One stream a block, never one a byte plane: the only reading on which all decoders agree.
    pub const DONT_SPLIT: u8 = 0x10;
}

/// What the header says besides sizes.
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

/// Write what precedes `nbytes` that are stored as they are, and say how long it is.
pub fn store(header: Header, nbytes: usize, out: &mut [u8]) -> usize {
    let header = Header { flags: header.flags | flag::STORED, ..header };
    header.write(nbytes, nbytes.max(1), HEADER + nbytes, out);
    HEADER
}

/// A chunk of compressed blocks, shorter than its data: what would not be is given up early.
pub struct Writer<'a> {
    header: Header,
    nbytes: usize,
    blocksize: usize,
    /// As long as the stored data would be.
    out: &'a mut [u8],
    /// Where the offset of the next block goes.
    offset: usize,
    /// Where the next block goes.
    end: usize,
}

impl<'a> Writer<'a> {
    /// A chunk without blocks as yet.
    pub fn new(header: Header, nbytes: usize, blocksize: usize, out: &'a mut [u8]) -> Self {
        let end = HEADER + WORD * nbytes.div_ceil(blocksize);
        Self { header, nbytes, blocksize, out: &mut out[..HEADER + nbytes], offset: HEADER, end }
    }

    /// Add a block, by `compress` if that makes it shorter, and say whether it fitted.
    pub fn push(&mut self, block: &[u8], compress: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        self.push_stream(block.len(), compress) || {
            let start = self.end + WORD;
            // A chunk of nothing but stored blocks is longer than its data, so that there may be room for all but the last.
            let Some(stream) = self.out.get_mut(start..).filter(|stream| stream.len() > block.len()) else { return false };
            copy(block, &mut stream[..block.len()]);
            self.note(start, block.len());
            true
        }
    }

    /// Add a block of `nbytes` if `compress` makes it shorter and it fits, and say whether that was so.
    pub fn push_stream(&mut self, nbytes: usize, compress: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let start = self.end + WORD;
        let Some(stream) = self.out.get_mut(start..) else { return false };
        let room = stream.len().min(nbytes - 1);
        let Some(length) = compress(&mut stream[..room]) else { return false };
        self.note(start, length);
        true
    }

    /// Add a block equal to the only one so far, or to those that repeat it, and say whether it fitted.
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

    /// Complete the header and say how long the chunk is; `None` where it is no shorter than its data.
    pub fn finish(self) -> Option<usize> {
        self.header.write(self.nbytes, self.blocksize, self.end, self.out);
        (self.end < self.out.len()).then_some(self.end)
    }

    /// Note the block whose stream of `length` bytes was just written at `start`.
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
