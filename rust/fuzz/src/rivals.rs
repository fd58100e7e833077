//! Decoders that others have written. None means that a stream is refused, or has another size.

use std::io::Read;

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

/// gzip, one member or several.
pub fn gzip(data: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    read(MultiGzDecoder::new(data), nbytes)
}

/// zlib.
pub fn zlib(data: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    read(ZlibDecoder::new(data), nbytes)
}

fn read(mut stream: impl Read, nbytes: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; nbytes];
    stream.read_exact(&mut out).ok()?;
    (stream.read(&mut [0]).ok()? == 0).then_some(out)
}

/// Zstandard.
pub fn zstd(data: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; nbytes];
    let mut decoder = ruzstd::decoding::FrameDecoder::new();
    decoder.set_max_window_size(1 << 20);
    let n = decoder.decode_all(data, &mut out).ok()?;
    (n == nbytes).then_some(out)
}

/// One LZ4 block.
pub fn lz4(data: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; nbytes];
    let n = lz4_flex::block::decompress_into(data, &mut out).ok()?;
    (n == nbytes).then_some(out)
}

/// A chunk of Blosc 1 that ours has accepted: c-blosc trusts the length in the header.
#[expect(unsafe_code, reason = "a C function")]
pub fn blosc(data: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; nbytes];
    // SAFETY: the header says no more bytes than there are, since our decoder has accepted it, and
    // no more decoded bytes than `nbytes`, which the function is told too; the two pieces of memory
    // are as long as that.
    let n = unsafe { blosc_src::blosc_decompress_ctx(data.as_ptr().cast(), out.as_mut_ptr().cast(), nbytes, 1) };
    (usize::try_from(n) == Ok(nbytes)).then_some(out)
}

/// Items whose bytes were taken apart, by index arithmetic.
pub fn unshuffle(data: &[u8], typesize: usize) -> Vec<u8> {
    let n = data.len() / typesize;
    (0..data.len()).map(|i| if i < n * typesize { data[i % typesize * n + i / typesize] } else { data[i] }).collect()
}

/// Items whose bits were taken apart, bit by bit; what is no multiple of 8 items is as it was.
pub fn bitunshuffle(data: &[u8], typesize: usize) -> Vec<u8> {
    let n = data.len() / typesize;
    let mut out = data.to_vec();
    if n == 0 || !n.is_multiple_of(8) {
        return out;
    }
    out[..n * typesize].fill(0);
    for k in 0..8 * typesize {
        for i in 0..n {
            let place = k * n + i;
            out[i * typesize + k / 8] |= (data[place / 8] >> (place % 8) & 1) << (k % 8);
        }
    }
    out
}

/// LZF, byte by byte: <https://github.com/h5py/h5py/blob/master/lzf/lzf/lzf_d.c>.
pub fn lzf(data: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = data.iter().copied().map(usize::from);
    while let Some(control) = rest.next() {
        if control < 32 {
            for _ in 0..=control {
                out.push(u8::try_from(rest.next()?).ok()?);
            }
        } else {
            let length = 2 + if control >> 5 == 7 { 7 + rest.next()? } else { control >> 5 };
            let distance = ((control & 31) << 8 | rest.next()?) + 1;
            for _ in 0..length {
                out.push(*out.get(out.len().checked_sub(distance)?)?);
            }
        }
        if out.len() > nbytes {
            return None;
        }
    }
    (out.len() == nbytes).then_some(out)
}

/// Fletcher-32 of HDF5, word by word.
pub fn fletcher32(data: &[u8]) -> u32 {
    let words = data.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |&byte| u32::from(byte)));
    let (mut low, mut high) = (0_u64, 0_u64);
    for word in words {
        low += u64::from(word);
        high += low;
    }
    // Sums that are a multiple of 65535 and not zero stay so.
    let fold = |sum: u64| if sum == 0 { 0 } else { u32::try_from((sum - 1) % 0xFFFF + 1).unwrap() };
    fold(high) << 16 | fold(low)
}

/// CRC-32C, bit by bit.
pub fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 }))
}
