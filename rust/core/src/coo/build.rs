//! The row index of a sparse array, built from entries in any order.

use super::entries::Coo;
use super::numbers::Numbers;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::gather::swap_units;
use crate::scratch::reserve;

/// See [`Coo::new`].
pub fn coo(coords: &[i64], data: &[u8], shape: &[usize], dtype: &Dtype, fill: Option<&[u8]>) -> Result<Coo> {
    let nnz = check_sizes(coords, data, shape, dtype, fill)?;
    let mut items = reserve(data.len())?;
    items.extend_from_slice(data);
    swap_units(&mut items, dtype.swap());
    let mut index = Index::new(nnz, shape)?;
    if !each_place(coords, nnz, shape, |place| index.push(place))? {
        let mut places = reserve(nnz)?;
        each_place(coords, nnz, shape, |place| {
            places.push(place);
            true
        })?;
        (places, items) = add_up(&places, &items, shape, dtype)?;
        index = Index::new(places.len(), shape)?;
        for place in places {
            let follows = index.push(place);
            debug_assert!(follows, "places are sorted");
        }
    }
    let fill = fill.map(|fill| {
        let mut fill = fill.to_vec();
        swap_units(&mut fill, dtype.swap());
        fill
    });
    let Index { rows, starts, columns, .. } = index.finish();
    Ok(Coo { shape: shape.to_vec(), itemsize: dtype.itemsize(), fill, rows, starts, columns, data: items })
}

/// The number of entries. Refused if coordinates, items, shape and fill contradict each other.
fn check_sizes(coords: &[i64], data: &[u8], shape: &[usize], dtype: &Dtype, fill: Option<&[u8]>) -> Result<usize> {
    let itemsize = dtype.itemsize();
    if itemsize == 0 || !data.len().is_multiple_of(itemsize) {
        return Err(Error::invalid(format!("data of {} bytes: expected items of {itemsize} bytes", data.len())));
    }
    let nnz = data.len() / itemsize;
    if nnz.checked_mul(shape.len()) != Some(coords.len()) {
        return Err(Error::invalid(format!("{} coordinates: expected {} axes times {nnz} items", coords.len(), shape.len())));
    }
    if let Some(fill) = fill.filter(|fill| fill.len() != itemsize) {
        return Err(Error::invalid(format!("fill has {} bytes, an item has {itemsize}", fill.len())));
    }
    let count = shape.iter().try_fold(1_usize, |count, &n| count.checked_mul(n)).filter(|&count| isize::try_from(count).is_ok());
    if count.is_none() && !shape.contains(&0) {
        return Err(Error::invalid(format!("shape {shape:?}: its elements are too many to count")));
    }
    Ok(nnz)
}

/// Call `each` with the place of every entry in C order until it returns false. Returns whether it
/// never did.
///
/// Refused if a coordinate lies outside the shape.
fn each_place(coords: &[i64], nnz: usize, shape: &[usize], mut each: impl FnMut(usize) -> bool) -> Result<bool> {
    /// Entries whose places are computed together, axis by axis.
    const STEP: usize = 1024;
    let mut places = [0; STEP];
    for first in (0..nnz).step_by(STEP) {
        let places = &mut places[..STEP.min(nnz - first)];
        places.fill(0);
        for (axis, &n) in shape.iter().enumerate() {
            let coords = &coords[axis * nnz + first..];
            for (i, (place, &coordinate)) in places.iter_mut().zip(coords).enumerate() {
                let inside = usize::try_from(coordinate).ok().filter(|&coordinate| coordinate < n);
                let Some(coordinate) = inside else {
                    let i = first + i;
                    return Err(Error::invalid(format!("entry {i} has coordinate {coordinate} along axis {axis}, which has {n} elements")));
                };
                *place = *place * n + coordinate;
            }
        }
        if !places.iter().all(|&place| each(place)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Entries in the order of their places, at most one per place. Items at one place are added in the
/// order of their arrival.
fn add_up(places: &[usize], items: &[u8], shape: &[usize], dtype: &Dtype) -> Result<(Vec<usize>, Vec<u8>)> {
    let itemsize = dtype.itemsize();
    let mut order: Vec<(usize, usize)> = reserve(places.len())?;
    order.extend(places.iter().copied().zip(0..));
    order.sort_unstable();
    let mut sorted: Vec<usize> = reserve(places.len())?;
    let mut sums = reserve(items.len())?;
    for (place, i) in order {
        let item = &items[i * itemsize..][..itemsize];
        if sorted.last() != Some(&place) {
            sorted.push(place);
            sums.extend_from_slice(item);
        } else if dtype.has_sum() {
            let last = sums.len() - itemsize;
            dtype.add(&mut sums[last..], item);
        } else {
            let place = coordinate(place, shape);
            return Err(Error::invalid(format!("two entries at {place:?}: items that are no numbers cannot be added, keep one of them")));
        }
    }
    Ok((sorted, sums))
}

/// The coordinates of a place.
fn coordinate(place: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = place;
    let mut coordinate: Vec<usize> = shape.iter().rev().map(|&n| (rest % n, rest /= n).0).collect();
    coordinate.reverse();
    coordinate
}

/// A row index under construction, from ascending places.
struct Index {
    width: usize,
    /// The places of the last row, so that only the first entry of a row takes a division.
    row: std::ops::Range<usize>,
    /// The smallest place that may come next.
    next: usize,
    rows: Numbers,
    starts: Numbers,
    columns: Numbers,
}

impl Index {
    /// Room for `nnz` entries.
    fn new(nnz: usize, shape: &[usize]) -> Result<Self> {
        let width = shape.last().copied().unwrap_or(1);
        let rows = shape[..shape.len().saturating_sub(1)].iter().product();
        let columns = Numbers::new(nnz, width)?;
        Ok(Self { width, row: 0..0, next: 0, rows: Numbers::new(0, rows)?, starts: Numbers::new(0, nnz)?, columns })
    }

    /// Add an entry if its place lies behind the last one's. Returns whether it does.
    #[inline]
    fn push(&mut self, place: usize) -> bool {
        if place < self.next {
            return false;
        }
        self.next = place + 1;
        if place >= self.row.end {
            let row = place / self.width;
            self.row = row * self.width..(row + 1) * self.width;
            self.rows.push(row);
            self.starts.push(self.columns.len());
        }
        self.columns.push(place - self.row.start);
        true
    }

    /// End the last row.
    fn finish(mut self) -> Self {
        self.starts.push(self.columns.len());
        self
    }
}
