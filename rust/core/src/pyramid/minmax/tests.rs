//! Extremes of bins against a loop that sorts them.

use std::fmt::Debug;

use proptest::prelude::*;

use super::*;
use crate::pyramid::{Number, minmax};

/// How the line lies in memory: in which byte order, and how many items apart.
type Memory = (bool, isize);

fn memory() -> impl Strategy<Value = Memory> {
    (any::<bool>(), prop_oneof![Just(1), Just(1), Just(-1), Just(3), Just(-2)])
}

/// The smallest and the largest number of a bin, none if all are skipped.
fn naive<N: Copy + PartialOrd>(bin: &[N], mark: Option<N>) -> Option<(N, N)> {
    let mut kept: Vec<N> = bin.iter().copied().filter(|x| x.partial_cmp(x).is_some() && Some(*x) != mark).collect();
    kept.sort_by(|a, b| a.partial_cmp(b).unwrap());
    Some((*kept.first()?, *kept.last()?))
}

fn bytes<N: Pixel>(number: N) -> Vec<u8> {
    let mut bytes = vec![0; size_of::<N>()];
    number.put(&mut bytes);
    bytes
}

/// Lay numbers out as asked, and find the extremes of their bins.
fn run<N: Pixel>(numbers: &[N], letter: char, (is_big, apart): Memory, factor: usize, mark: Option<N>) -> Vec<(N, N)> {
    let size = size_of::<N>();
    let count = apart.unsigned_abs() * numbers.len();
    let mut data = vec![0xa5; count * size];
    let places: Vec<usize> = (0..numbers.len()).map(|i| apart.unsigned_abs() * if apart < 0 { numbers.len() - 1 - i } else { i }).collect();
    for (&place, &number) in places.iter().zip(numbers) {
        let mut item = bytes(number);
        if is_big {
            item.reverse();
        }
        data[place * size..][..size].copy_from_slice(&item);
    }
    let (shape, strides) = ([numbers.len()], [apart * size.cast_signed()]);
    let line = View::new(&data, places.first().map_or(0, |place| place * size), &shape, &strides, size).unwrap();
    let number = Number::parse(&format!("{}{letter}{size}", if is_big { '>' } else { '<' })).unwrap();
    let mut out = vec![0x5a; bins(numbers.len(), factor) * 2 * size];
    minmax(&line, number, factor, mark.map(bytes).as_deref(), &mut out).unwrap();
    out.chunks_exact(2 * size).map(|pair| (N::get(&pair[..size]), N::get(&pair[size..]))).collect()
}

fn check<N: Pixel + Debug>(numbers: &[N], letter: char, memory: Memory, factor: usize, mark: Option<N>) {
    for mark in [None, mark] {
        let found = run(numbers, letter, memory, factor, mark);
        assert_eq!(found.len(), bins(numbers.len(), factor));
        for (bin, (low, high)) in numbers.chunks(factor).zip(found) {
            match naive(bin, mark) {
                Some(expected) => assert_eq!((low, high), expected, "{bin:?} without {mark:?}"),
                None if letter == 'f' => assert!(low.partial_cmp(&low).is_none() && high.partial_cmp(&high).is_none(), "{bin:?}"),
                None => assert_eq!((Some(low), Some(high)), (mark, mark)),
            }
        }
    }
}

/// Numbers of which many are equal, and some the first or last of their type.
fn some<N: Copy + Debug + 'static>(usual: Vec<N>, any: impl Strategy<Value = N> + 'static) -> impl Strategy<Value = Vec<N>> {
    prop::collection::vec(prop_oneof![2 => prop::sample::select(usual), 1 => any], 0..400)
}

macro_rules! checks {
    ($($name:ident, $type:ident, $letter:literal, $usual:expr;)*) => {
        proptest! {
            $(#[test]
            fn $name(numbers in some::<$type>($usual.to_vec(), any::<$type>()), memory in memory(), factor in 1_usize..150) {
                check(&numbers, $letter, memory, factor, numbers.first().copied());
            })*
        }
    };
}

checks! {
    bytes_unsigned, u8, 'u', [0, 1, u8::MAX];
    shorts_unsigned, u16, 'u', [0, 1, u16::MAX];
    words_unsigned, u32, 'u', [0, 1, u32::MAX];
    longs_unsigned, u64, 'u', [0, 1, u64::MAX];
    bytes_signed, i8, 'i', [0, i8::MIN, i8::MAX];
    shorts_signed, i16, 'i', [0, i16::MIN, i16::MAX];
    words_signed, i32, 'i', [0, i32::MIN, i32::MAX];
    longs_signed, i64, 'i', [0, i64::MIN, i64::MAX];
    singles, f32, 'f', [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    doubles, f64, 'f', [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
}

proptest! {
    #[test]
    fn halves(bits in some::<u16>(vec![0, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0xfe00], any::<u16>()), memory in memory(), factor in 1_usize..150) {
        let numbers: Vec<f16> = bits.into_iter().map(f16::from_bits).collect();
        check(&numbers, 'f', memory, factor, numbers.first().copied());
    }
}

#[test]
fn bins_of_one_value() {
    check(&[f64::INFINITY; 70], 'f', (false, 1), 64, Some(0.0));
    check(&[f64::NEG_INFINITY; 70], 'f', (false, 1), 64, Some(f64::NEG_INFINITY));
    check(&[f64::NAN; 70], 'f', (true, 2), 64, Some(f64::NAN));
    check(&[u32::MAX; 70], 'u', (false, 1), 64, Some(0));
}

#[test]
fn refusals() {
    let data = [0; 8];
    let number = Number::parse("<u2").unwrap();
    let line = View::new(&data, 0, &[4], &[2], 2).unwrap();
    assert!(minmax(&line, number, 0, None, &mut []).is_err());
    assert!(minmax(&line, number, 2, Some(&[0]), &mut [0; 8]).is_err());
    let square = View::new(&data, 0, &[2, 2], &[4, 2], 2).unwrap();
    assert!(minmax(&square, number, 2, None, &mut [0; 4]).is_err());
    let wide = View::new(&data, 0, &[1], &[8], 8).unwrap();
    assert!(minmax(&wide, number, 2, None, &mut [0; 4]).is_err());
}
