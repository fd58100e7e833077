//! Halved blocks against a loop that counts what exists.

use half::f16;
use proptest::prelude::*;

use super::pixel::Pixel;
use super::*;

/// The pixels of a plane that square (y, x) covers.
fn square<P: Copy>(plane: &[P], height: usize, width: usize, y: usize, x: usize) -> Vec<P> {
    let places = [(2 * y, 2 * x), (2 * y, 2 * x + 1), (2 * y + 1, 2 * x), (2 * y + 1, 2 * x + 1)];
    places.into_iter().filter(|&(y, x)| y < height && x < width).map(|(y, x)| plane[y * width + x]).collect()
}

fn naive<P: Copy>(planes: &[P], [depth, height, width]: [usize; 3], merge: impl Fn(&[P]) -> P) -> Vec<P> {
    let mut out = Vec::new();
    for z in 0..depth {
        for y in 0..height.div_ceil(2) {
            for x in 0..width.div_ceil(2) {
                out.push(merge(&square(&planes[z * height * width..], height, width, y, x)));
            }
        }
    }
    out
}

fn naive_mode<P: Copy + PartialOrd>(square: &[P]) -> P {
    let mut numbers: Vec<P> = square.iter().copied().filter(|x| x.partial_cmp(x).is_some()).collect();
    numbers.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let count = |x: P| numbers.iter().filter(|&&y| y == x).count();
    let most = numbers.iter().map(|&x| count(x)).max();
    numbers.iter().copied().find(|&x| Some(count(x)) == most).unwrap_or(square[0])
}

/// How the source lies in memory.
#[derive(Debug, Clone, Copy)]
struct Memory {
    is_big: bool,
    is_transposed: bool,
    is_backwards: bool,
}

fn memory() -> impl Strategy<Value = Memory> {
    any::<(bool, bool, bool)>().prop_map(|(is_big, is_transposed, is_backwards)| Memory { is_big, is_transposed, is_backwards })
}

/// Lay pixels out as asked and halve them.
fn run<P: Pixel>(pixels: &[P], shape: [usize; 3], letter: char, memory: Memory, rule: Rule) -> Vec<P> {
    let size = size_of::<P>();
    let [depth, height, width] = shape;
    let step = isize::try_from(size).unwrap();
    let signed = |n: usize| isize::try_from(n).unwrap() * step;
    let mut strides = if memory.is_transposed {
        [signed(1), signed(depth), signed(depth * height)]
    } else {
        [signed(height * width), signed(width), signed(1)]
    };
    let mut origin = 0;
    if memory.is_backwards && !pixels.is_empty() {
        origin = (width - 1) * strides[2].unsigned_abs();
        strides[2] = -strides[2];
    }
    let mut data = vec![0; size_of_val(pixels)];
    for (i, &pixel) in pixels.iter().enumerate() {
        let index = [i / (height * width), i / width % height, i % width];
        let at =
            index.iter().zip(strides).fold(isize::try_from(origin).unwrap(), |at, (&n, stride)| at + isize::try_from(n).unwrap() * stride);
        let at = usize::try_from(at).unwrap();
        pixel.put(&mut data[at..][..size]);
        if memory.is_big {
            data[at..][..size].reverse();
        }
    }
    let order = if memory.is_big { '>' } else { '<' };
    let number = Number::parse(&format!("{order}{letter}{size}")).unwrap();
    let view = View::new(&data, origin, &shape, &strides, size).unwrap();
    let mut out = vec![0xAB; halved(&shape).iter().product::<usize>() * size];
    halve(&view, number, rule, &mut out).unwrap();
    out.chunks_exact(size).map(P::get).collect()
}

fn shapes() -> impl Strategy<Value = [usize; 3]> {
    (0_usize..4, 0_usize..8, 0_usize..40).prop_map(|(depth, height, width)| [depth, height, width])
}

macro_rules! integers {
    ($($name:ident: $type:ty, $letter:literal;)*) => {
        proptest! {
            $(#[test]
            fn $name(
                (shape, pixels) in shapes().prop_flat_map(|shape| (Just(shape), prop::collection::vec(any::<$type>(), shape.iter().product::<usize>()))),
                is_dull in any::<bool>(),
                memory in memory(),
            ) {
                let pixels: Vec<$type> = if is_dull { pixels.iter().map(|x| x % 3).collect() } else { pixels };
                let mean = |square: &[$type]| {
                    let sum: i128 = square.iter().map(|&x| i128::from(x)).sum();
                    let n = i128::try_from(square.len()).unwrap();
                    <$type>::try_from((2 * sum + n).div_euclid(2 * n)).unwrap()
                };
                prop_assert_eq!(run(&pixels, shape, $letter, memory, Rule::Mean), naive(&pixels, shape, mean));
                prop_assert_eq!(run(&pixels, shape, $letter, memory, Rule::Mode), naive(&pixels, shape, naive_mode));
                prop_assert_eq!(run(&pixels, shape, $letter, memory, Rule::Nearest), naive(&pixels, shape, |square| square[0]));
            })*
        }
    };
}

integers! {
    halves_u8: u8, 'u';
    halves_u16: u16, 'u';
    halves_u32: u32, 'u';
    halves_u64: u64, 'u';
    halves_i8: i8, 'i';
    halves_i16: i16, 'i';
    halves_i32: i32, 'i';
    halves_i64: i64, 'i';
}

/// The mean of what is a number, summed without overflow.
fn naive_mean(square: &[f64]) -> f64 {
    let numbers: Vec<f64> = square.iter().copied().filter(|x| !x.is_nan()).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most four")]
    let n = numbers.len() as f64;
    if numbers.is_empty() { f64::NAN } else { numbers.iter().map(|x| x / n).sum() }
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1e4..1e4_f64, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => Just(f64::INFINITY)]
}

fn is_close(a: f64, b: f64, epsilon: f64) -> bool {
    let is_same = a.total_cmp(&b).is_eq() || a.is_nan() && b.is_nan();
    is_same || (a - b).abs() <= epsilon * 4e4
}

proptest! {
    #[test]
    fn halves_floats(
        (shape, pixels) in shapes().prop_flat_map(|shape| (Just(shape), prop::collection::vec(floats(), shape.iter().product::<usize>()))),
        memory in memory(),
    ) {
        let check = |halved: Vec<f64>, pixels: &[f64], epsilon: f64| {
            let expected = naive(pixels, shape, naive_mean);
            halved.len() == expected.len() && halved.iter().zip(&expected).all(|(&a, &b)| is_close(a, b, epsilon))
        };
        prop_assert!(check(run(&pixels, shape, 'f', memory, Rule::Mean), &pixels, f64::EPSILON));
        #[expect(clippy::cast_possible_truncation, reason = "that is the point")]
        let singles: Vec<f32> = pixels.iter().map(|&x| x as f32).collect();
        let doubled: Vec<f64> = singles.iter().map(|&x| f64::from(x)).collect();
        prop_assert!(check(run(&singles, shape, 'f', memory, Rule::Mean).into_iter().map(f64::from).collect(), &doubled, f64::from(f32::EPSILON)));
        let halves: Vec<f16> = pixels.iter().map(|&x| f16::from_f64(x)).collect();
        let doubled: Vec<f64> = halves.iter().map(|&x| f64::from(x)).collect();
        prop_assert!(check(run(&halves, shape, 'f', memory, Rule::Mean).into_iter().map(f64::from).collect(), &doubled, f64::from(f16::EPSILON)));
        let modes = run(&pixels, shape, 'f', memory, Rule::Mode);
        prop_assert!(modes.iter().zip(naive(&pixels, shape, naive_mode)).all(|(&a, b)| is_close(a, b, 0.0)));
    }
}

#[test]
fn means_of_the_largest() {
    let largest = [f64::MAX; 4];
    assert_eq!(run(&largest, [1, 2, 2], 'f', Memory { is_big: false, is_transposed: false, is_backwards: false }, Rule::Mean), [f64::MAX]);
}

#[test]
fn refusals() {
    let data = [0; 8];
    let number = Number::parse("<u2").unwrap();
    let flat = View::new(&data, 0, &[4], &[2], 2).unwrap();
    assert!(halve(&flat, number, Rule::Mean, &mut [0; 4]).is_err());
    let wide = View::new(&data, 0, &[1, 1], &[8, 8], 8).unwrap();
    assert!(halve(&wide, number, Rule::Mean, &mut [0; 8]).is_err());
    for spelling in ["", "<", "u2", "<u3", "<c8", "|b1", "=u2"] {
        assert!(Number::parse(spelling).is_err(), "{spelling}");
    }
}
