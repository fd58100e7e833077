//! Streams of each compressor, ours against a rival.

use tiled_zarr_core::decode::{Filter, Format, Pipeline, Tools, Workspace, decoded_size, decompress};

use crate::memory::fenced;
use crate::rivals;

type Rival = fn(&[u8], usize) -> Option<Vec<u8>>;

/// The expected size and the stream.
pub fn sized(input: &[u8]) -> Option<(usize, &[u8])> {
    let (size, stream) = input.split_first_chunk()?;
    Some((usize::from(u16::from_le_bytes(*size)), stream))
}

/// What a filter makes of a stream that has to decode to `nbytes`. None if it refuses it.
pub fn undone(filter: Filter, stream: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    let pipeline = Pipeline::new(vec![filter]).unwrap();
    let (bytes, result) = fenced(nbytes, |out| pipeline.decode(stream, 0, out, &mut Tools::default()));
    result.ok().map(|()| bytes)
}

/// The filter, the bounded decoder and the rival, of a stream.
fn agree(format: Format, code: u32, input: &[u8], rival: Rival) {
    let Some((nbytes, stream)) = sized(input) else { return };
    let exact = undone(Filter::parse(code, &[]).unwrap(), stream, nbytes);
    let (bytes, bounded) = fenced(nbytes, |out| decompress(format, stream, out, &mut Workspace::default()));
    if let Ok(Some(n)) = bounded {
        assert!(n <= nbytes);
        assert!(decoded_size(format, stream).is_none_or(|said| said == n as u64));
        if let Some(expected) = rival(stream, n) {
            assert_eq!(bytes[..n], expected, "bounded and rival");
        }
    }
    let Some(exact) = exact else {
        assert!(nbytes == 0 || bounded != Ok(Some(nbytes)), "refused by the filter alone");
        return;
    };
    if let Ok(Some(n)) = bounded {
        assert_eq!(bytes[..n], exact, "bounded and exact");
    }
    if let Some(expected) = rival(stream, nbytes) {
        assert_eq!(exact, expected, "exact and rival");
    }
}

pub fn gzip(input: &[u8]) {
    agree(Format::Gzip, 65536, input, rivals::gzip);
}

pub fn zlib(input: &[u8]) {
    agree(Format::Zlib, 1, input, rivals::zlib);
}

pub fn zstd(input: &[u8]) {
    agree(Format::Zstd, 32015, input, rivals::zstd);
}

pub fn blosc(input: &[u8]) {
    agree(Format::Blosc, 32001, input, rivals::blosc);
}

/// A block behind its size, and the blocks of the HDF5 filter.
pub fn lz4(input: &[u8]) {
    agree(Format::Lz4, 65537, input, |stream, nbytes| rivals::lz4(stream.get(4..)?, nbytes));
    let Some((nbytes, stream)) = sized(input) else { return };
    if let (Some(bytes), Some(expected)) = (undone(Filter::Lz4, stream, nbytes), framed(stream, nbytes)) {
        assert_eq!(bytes, expected);
    }
}

fn framed(stream: &[u8], nbytes: usize) -> Option<Vec<u8>> {
    let (_, rest) = stream.split_first_chunk::<8>()?;
    let (blocksize, mut rest) = rest.split_first_chunk::<4>()?;
    let blocksize = u32::from_be_bytes(*blocksize) as usize;
    let mut out = Vec::new();
    while out.len() < nbytes && blocksize > 0 {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (block, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let n = blocksize.min(nbytes - out.len());
        out.extend(if block.len() == n { block.to_vec() } else { rivals::lz4(block, n)? });
        rest = behind;
    }
    Some(out)
}
