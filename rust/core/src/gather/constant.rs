//! Blocks whose items are all equal.

use super::axis::Axis;
use crate::cpu::{self, LANES};
use crate::rows::Rows;
use crate::view::View;

/// The item that `block` repeats. None if two items differ or there are none.
///
/// Order does not matter here, so a row is any gapless run in memory, forwards or backwards.
pub fn constant<'a>(block: &View<'a>) -> Option<&'a [u8]> {
    if block.shape().contains(&0) || block.itemsize() == 0 {
        return None;
    }
    let mut lowest = block.origin();
    let mut axes = Vec::with_capacity(block.shape().len());
    for (&len, &stride) in block.shape().iter().zip(block.strides()).filter(|&(&len, &stride)| len > 1 && stride != 0) {
        let pitch = stride.unsigned_abs();
        if stride < 0 {
            lowest -= (len - 1) * pitch;
        }
        axes.push(Axis { len, full: len, stride: pitch.cast_signed(), pitch });
    }
    axes.sort_by_key(|axis| std::cmp::Reverse(axis.pitch));
    let axes = super::axis::merge(&axes);
    let itemsize = block.itemsize();
    let item = &block.data()[lowest..][..itemsize];
    let (outer, row_nbytes) = match axes.split_last() {
        Some((row, outer)) if row.pitch == itemsize => (outer, row.len * itemsize),
        _ => (&axes[..], itemsize),
    };
    let grid = Grid { data: block.data(), axes: outer, nbytes: row_nbytes };
    grid.repeats(lowest, item).then_some(item)
}

/// The positions of rows of `nbytes` bytes.
#[derive(Clone, Copy)]
struct Grid<'a> {
    data: &'a [u8],
    axes: &'a [Axis],
    nbytes: usize,
}

impl<'a> Grid<'a> {
    /// Whether all rows repeat `item`; the first row is at `start`.
    fn repeats(self, start: usize, item: &[u8]) -> bool {
        if !LANES.is_multiple_of(item.len()) {
            let repeats = |row: &[u8]| row.starts_with(item) && row[item.len()..] == row[..row.len() - item.len()];
            return self.every(start, &|rows: Rows| rows.iter().all(repeats));
        }
        let lanes: [u8; LANES] = std::array::from_fn(|i| item[i % item.len()]);
        self.every(start, &|rows: Rows| are_lanes(rows, &lanes))
    }

    /// Whether `hold` is true of all rows; it gets those along the last axis in one call.
    fn every(self, start: usize, hold: &impl Fn(Rows<'a>) -> bool) -> bool {
        let rows = |stride: isize, count| hold(Rows::new(self.data, start, stride, self.nbytes, count));
        match self.axes {
            [] => rows(0, 1),
            [axis] => rows(axis.stride, axis.len),
            [axis, inner @ ..] => (0..axis.len).all(|i| Grid { axes: inner, ..self }.every(start + i * axis.pitch, hold)),
        }
    }
}

/// Whether rows of whole items repeat the item that fills the lanes.
fn are_lanes(rows: Rows, lanes: &[u8; LANES]) -> bool {
    cpu::repeats(rows.iter(), lanes).unwrap_or_else(|| are_equal(rows, lanes))
}

/// The same without vector instructions.
fn are_equal(rows: Rows, lanes: &[u8; LANES]) -> bool {
    rows.iter().flat_map(|row| row.chunks(LANES)).all(|piece| *piece == lanes[..piece.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sees_every_difference(itemsize in prop::sample::select(vec![1_usize, 2, 3, 4, 8, 12, 16, 80]), count in 1_usize..300, change in prop::option::of((any::<prop::sample::Index>(), 1_u8..))) {
            let item: Vec<u8> = (1..).take(itemsize).collect();
            let mut data = item.repeat(count);
            if let Some((place, change)) = change {
                let place = place.index(data.len());
                data[place] ^= change;
            }
            let stride = itemsize.cast_signed();
            let is_constant = data.chunks(itemsize).all(|other| *other == data[..itemsize]);
            for (origin, stride) in [(0, stride), (data.len() - itemsize, -stride)] {
                let (shape, strides) = ([count], [stride]);
                let found = constant(&View::new(&data, origin, &shape, &strides, itemsize).unwrap());
                prop_assert_eq!(found, is_constant.then_some(&data[..itemsize]));
            }
        }
    }

    #[test]
    fn every_processor_sees_the_same() {
        let lanes: [u8; LANES] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut data = [lanes, lanes, lanes].concat();
        for place in 0..data.len() {
            for row in [LANES, 3 * LANES / 2] {
                let see = |data: &[u8]| [are_lanes, are_equal].map(|are| are(Rows::new(data, 0, LANES.cast_signed(), row, 2), &lanes));
                assert_eq!(see(&data), [true; 2]);
                data[place] ^= 4;
                assert_eq!(see(&data), [place >= LANES + row; 2]);
                data[place] ^= 4;
            }
        }
    }

    #[test]
    fn looks_at_items_alone() {
        let data = [1, 9, 1, 9, 9, 9, 1, 9, 1];
        let see = |shape: &[usize], strides: &[isize]| constant(&View::new(&data, 0, shape, strides, 1).unwrap()).is_some();
        assert!(see(&[2, 2], &[6, 2]));
        assert!(!see(&[2, 2], &[6, 1]));
        assert!(see(&[1000, 1000], &[0, 0]));
        assert!(see(&[], &[]));
        assert!(!see(&[0], &[1]));
    }
}
