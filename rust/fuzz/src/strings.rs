//! Strings as Zarr's vlen-utf8.

use tiled_zarr_core::VlenUtf8;

pub fn strings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let items: Vec<&str> = if input.is_empty() { vec![] } else { text.split('\n').collect() };
    let mut written = VlenUtf8::new(items.len()).unwrap();
    for item in &items {
        written.push(item).unwrap();
    }
    let mut rest = written.as_bytes();
    let number = |rest: &mut &[u8]| {
        let (word, behind) = rest.split_first_chunk().unwrap();
        *rest = behind;
        u32::from_le_bytes(*word) as usize
    };
    assert_eq!(number(&mut rest), items.len());
    for item in items {
        let n = number(&mut rest);
        let (bytes, behind) = rest.split_at(n);
        assert_eq!(bytes, item.as_bytes());
        rest = behind;
    }
    assert!(rest.is_empty());
}
