//! Bytes through each codec and back.

use arbitrary::Unstructured;
use tiled_zarr_core::codec::blosc::{Blosc, Cname, Shuffle};
use tiled_zarr_core::decode::{Filter, Pipeline, Tools};
use tiled_zarr_core::{Body, Codec, Encoded, Workspace, encode_bytes};

use crate::memory::fenced;

/// A codec and the filters that undo it.
pub fn any(u: &mut Unstructured) -> arbitrary::Result<(Codec, Vec<Filter>)> {
    let has_checksum: bool = u.arbitrary()?;
    let (codec, filter) = match u.int_in_range(0..=9)? {
        0 => (Codec::none(), None),
        1 => (Codec::zstd(u.int_in_range(-5..=4)?).unwrap(), Some(Filter::Zstd)),
        2 => (Codec::gzip(u.int_in_range(0..=9)?).unwrap(), Some(Filter::Gzip)),
        3 => (Codec::zlib(u.int_in_range(0..=9)?).unwrap(), Some(Filter::Deflate)),
        4 => (Codec::lz4(u.int_in_range(1..=100)?).unwrap(), Some(Filter::SizedLz4)),
        _ => {
            let cname = *u.choose(&[Cname::Lz4, Cname::Lz4, Cname::Lz4, Cname::Lz4hc, Cname::Zlib, Cname::Zstd])?;
            let shuffle = *u.choose(&[Shuffle::None, Shuffle::Byte, Shuffle::Bit])?;
            let level = u.int_in_range(0..=5)?;
            let typesize = u.int_in_range(1..=20)?;
            (Codec::blosc(Blosc::new(cname, level, shuffle, typesize).unwrap()), Some(Filter::Blosc))
        }
    };
    let filters = filter.into_iter().chain(has_checksum.then_some(Filter::Crc32c)).collect();
    Ok((codec.with_crc32c(has_checksum), filters))
}

/// The bytes of an encoded chunk.
#[expect(unsafe_code, reason = "memory that was written to")]
pub fn written(encoded: &Encoded) -> Vec<u8> {
    let n = encoded.len();
    let mut bytes = Vec::with_capacity(n);
    encoded.write_to(&mut bytes.spare_capacity_mut()[..n]);
    // SAFETY: the vector has room for `n` bytes, and all of them were just written.
    unsafe { bytes.set_len(n) };
    bytes
}

/// The same, by way of memory that is given away.
pub fn filled(encode: impl FnOnce(&mut Workspace) -> tiled_zarr_core::Result<Encoded<'_>>) -> Vec<u8> {
    let mut body = Body::default();
    body.fill(&mut Workspace::default(), encode).unwrap();
    body.as_bytes().to_vec()
}

/// Undo filters. Panics if they refuse.
pub fn decoded(filters: Vec<Filter>, stored: &[u8], nbytes: usize) -> Vec<u8> {
    let pipeline = Pipeline::new(filters).unwrap();
    let (bytes, result) = fenced(nbytes, |out| pipeline.decode(stored, 0, out, &mut Tools::default()));
    result.unwrap();
    bytes
}

pub fn codec(input: &[u8]) {
    let _ = roundtrip(&mut Unstructured::new(input));
}

fn roundtrip(u: &mut Unstructured) -> arbitrary::Result<()> {
    let (codec, filters) = any(u)?;
    let (repeats, spread) = (*u.choose(&[1, 1, 1, 1, 1, 3, 3, 20, 3000])?, u.int_in_range(1..=255)?);
    let piece = u.bytes(u.len())?;
    let data: Vec<u8> = (0..(piece.len() * repeats).min(300_000))
        .map(|i| piece[i % piece.len()].wrapping_add((i / piece.len() % spread).to_le_bytes()[0]))
        .collect();
    let stored = written(&encode_bytes(&data, &codec, &mut Workspace::default()).unwrap());
    if !data.is_empty() {
        assert_eq!(decoded(filters, &stored, data.len()), data);
    }
    Ok(())
}
