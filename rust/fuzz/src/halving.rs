//! Blocks halved.

use arbitrary::Unstructured;
use tiled_zarr_core::pyramid::{Number, Rule, halved};
use tiled_zarr_core::view::extent;
use tiled_zarr_core::{View, halve as halve_block};

use crate::gathering::{any_axes, place};
use crate::memory::fenced;

pub fn halve(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input));
}

fn check(u: &mut Unstructured) -> arbitrary::Result<()> {
    let spelling = *u.choose(&["|u1", "|i1", "<u2", ">u2", ">i2", "<u4", ">i8", "<f2", ">f4", "<f8"])?;
    let number = Number::parse(spelling).unwrap();
    let rule = *u.choose(&[Rule::Mean, Rule::Mode, Rule::Nearest])?;
    let n = number.itemsize();
    let (shape, strides) = any_axes(u, n)?;
    let Some((below, above)) = extent(&shape, &strides, n).filter(|(below, above)| below + above <= 1 << 16) else { return Ok(()) };
    let seed = u.bytes(u.len())?;
    let data: Vec<u8> = (0..below + above).map(|i| seed.get(i % seed.len().max(1)).copied().unwrap_or(7)).collect();
    let block = View::new(&data, below, &shape, &strides, n).unwrap();
    let smaller = halved(&shape);
    let (bytes, result) = fenced(smaller.iter().product::<usize>() * n, |out| halve_block(&block, number, rule, out));
    assert_eq!(result.is_ok(), shape.len() >= 2);
    if result.is_err() || spelling.contains('f') {
        return Ok(());
    }
    for (flat, item) in bytes.chunks(n).enumerate() {
        let place = place(flat, &smaller);
        let (leading, last) = place.split_at(place.len() - 2);
        let square = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(y, x)| {
            let height = shape.len() - 2;
            let [y, x] = [(2 * last[0] + y).min(shape[height] - 1), (2 * last[1] + x).min(shape[height + 1] - 1)];
            let place = leading.iter().chain([&y, &x]);
            let offset: isize = place.zip(&strides).map(|(i, stride)| i.cast_signed() * stride).sum();
            integer(&data[below.wrapping_add_signed(offset)..][..n], spelling)
        });
        assert_eq!(integer(item, &spelling.replace('>', "<")), naive(square, rule), "{square:?} by {rule:?}");
    }
    Ok(())
}

fn integer(bytes: &[u8], spelling: &str) -> i128 {
    let little: Vec<u8> = if spelling.starts_with('>') { bytes.iter().rev().copied().collect() } else { bytes.to_vec() };
    let unsigned = little.iter().rev().fold(0, |number, &byte| number << 8 | i128::from(byte));
    let bits = 8 * bytes.len();
    if spelling.contains('i') && unsigned >> (bits - 1) == 1 { unsigned - (1 << bits) } else { unsigned }
}

fn naive(square: [i128; 4], rule: Rule) -> i128 {
    match rule {
        Rule::Mean => (square.iter().sum::<i128>() + 2).div_euclid(4),
        Rule::Mode => square.into_iter().min_by_key(|a| (4 - square.iter().filter(|b| a == *b).count(), *a)).unwrap(),
        Rule::Nearest => square[0],
    }
}
