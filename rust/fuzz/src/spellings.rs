//! What is spelled in text and numbers: types and filters.

use tiled_zarr_core::Dtype;
use tiled_zarr_core::decode::{Decoder, Filter, Pipeline};
use tiled_zarr_core::pyramid::Number;

pub fn spellings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let (Ok(dtype), Ok(number)) = (Dtype::parse(&text), Number::parse(&text)) {
        assert_eq!(dtype.itemsize(), number.itemsize());
    }
    let words: Vec<u32> = input.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let Some((code, parameters)) = words.split_first() else { return };
    let filter = Filter::parse(*code, parameters);
    let _ = Filter::parse(32008, &words);
    let _ = Filter::parse(2, &words);
    if let Ok(pipeline) = Pipeline::new(filter.into_iter().collect()) {
        let shape = words.iter().map(|&n| n as usize).collect();
        let _ = Decoder::new(pipeline, shape, input.len());
    }
}
