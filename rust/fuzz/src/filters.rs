//! Filters of HDF5 and checksums, ours against naive ones, and pipelines of any of them.

use arbitrary::Unstructured;
use tiled_zarr_core::decode::{Filter, Pipeline, Tools, crc32c};

use crate::compressors::{sized, undone};
use crate::memory::fenced;
use crate::rivals;

pub fn lzf(input: &[u8]) {
    let Some((nbytes, stream)) = sized(input) else { return };
    // The whole stream is empty for no bytes; a decoder that stops when its memory is full takes
    // what follows for left over.
    if nbytes > 0 {
        assert_eq!(undone(Filter::Lzf, stream, nbytes), rivals::lzf(stream, nbytes));
    }
}

/// Shuffled bytes and bits, and bits compressed by blocks.
pub fn bitshuffle(input: &[u8]) {
    let Some(([typesize, items], input)) = input.split_first_chunk() else { return };
    let (typesize, items) = (u32::from(*typesize % 20) + 1, u32::from(*items) * 8);
    let Some((nbytes, stream)) = sized(input) else { return };
    let n = usize::try_from(typesize).unwrap();
    let shuffled = undone(Filter::parse(2, &[typesize]).unwrap(), stream, stream.len()).unwrap();
    assert_eq!(shuffled, rivals::unshuffle(stream, n));
    for inner in [0, 2, 3] {
        let filter = Filter::parse(32008, &[0, 4, typesize, items, inner]).unwrap();
        let Some(bytes) = undone(filter, stream, nbytes) else { continue };
        let expected = unframed(stream, nbytes, n, usize::try_from(items).unwrap(), inner);
        assert!(expected.is_none_or(|expected| bytes == expected));
    }
}

fn unframed(stream: &[u8], nbytes: usize, typesize: usize, items: usize, inner: u32) -> Option<Vec<u8>> {
    let items = if items == 0 { (8192 / typesize / 8 * 8).max(128) } else { items };
    let (mut blocksize, mut rest) = (items * typesize, stream);
    if inner > 0 {
        blocksize = u32::from_be_bytes(*stream.get(8..)?.first_chunk()?) as usize;
        rest = stream.get(12..)?;
    }
    let whole = nbytes / (8 * typesize) * (8 * typesize);
    let mut out = Vec::new();
    while out.len() < whole {
        let n = blocksize.min(whole - out.len());
        let length = if inner > 0 { u32::from_be_bytes(*rest.first_chunk()?) as usize } else { n };
        let (block, behind) = rest.get(if inner > 0 { 4 } else { 0 }..)?.split_at_checked(length)?;
        let bits = match inner {
            0 => block.to_vec(),
            2 => rivals::lz4(block, n)?,
            _ => rivals::zstd(block, n)?,
        };
        out.extend(rivals::bitunshuffle(&bits, typesize));
        rest = behind;
    }
    out.extend(rest.get(..nbytes - whole)?);
    Some(out)
}

pub fn checksums(input: &[u8]) {
    let sum = rivals::fletcher32(input).to_le_bytes();
    let swapped = [sum[1], sum[0], sum[3], sum[2]];
    for checksum in [sum, swapped] {
        assert_eq!(undone(Filter::Fletcher32, &[input, &checksum].concat(), input.len()).unwrap(), input);
    }
    assert_eq!(crc32c(input), rivals::crc32c(input));
    assert_eq!(undone(Filter::Crc32c, &[input, &crc32c(input).to_le_bytes()].concat(), input.len()).unwrap(), input);
    for filter in [Filter::Fletcher32, Filter::Crc32c] {
        if let Some(bytes) = undone(filter, input, input.len().saturating_sub(4)) {
            assert_eq!(bytes, input[..input.len() - 4]);
        }
    }
}

/// Any filters one after the other.
pub fn pipeline(input: &[u8]) {
    let _ = any(&mut Unstructured::new(input));
}

fn any(u: &mut Unstructured) -> arbitrary::Result<()> {
    const CODES: [u32; 11] = [1, 2, 3, 32000, 32001, 32004, 32008, 32015, 65536, 65537, 65538];
    let mut filters = Vec::new();
    for _ in 0..u.int_in_range(0..=4)? {
        let code = *u.choose(&CODES)?;
        let parameters: Vec<u32> =
            (0..u.int_in_range(0..=6)?).map(|_| Ok(u32::from(u.arbitrary::<u8>()?))).collect::<Result<_, arbitrary::Error>>()?;
        filters.extend(Filter::parse(code, &parameters));
    }
    let (mask, nbytes) = (u.arbitrary()?, u.int_in_range(0..=4096)?);
    let stream = u.bytes(u.len())?;
    if let Ok(pipeline) = Pipeline::new(filters) {
        let _ = fenced(nbytes, |out| pipeline.decode(stream, mask, out, &mut Tools::default()));
    }
    Ok(())
}
