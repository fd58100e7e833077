//! What compressed bytes say of themselves.

use tiled_zarr_core::decode::{Format, decoded_size, is_whole};

const FORMATS: [Format; 6] = [Format::Blosc, Format::Zstd, Format::Gzip, Format::Zlib, Format::Lz4, Format::None];

pub fn frames(input: &[u8]) {
    for format in FORMATS {
        let said = decoded_size(format, input);
        let is_any = is_whole(format, input, None);
        for nbytes in [Some(0), Some(1), Some(input.len() as u64), said].into_iter().flatten() {
            let is_whole = is_whole(format, input, Some(nbytes));
            assert!(!is_whole || is_any, "whole of {nbytes} bytes, but of no size");
            assert!(!is_whole || said.is_none_or(|said| said == nbytes), "whole of {nbytes} bytes, but says {said:?}");
        }
    }
}
