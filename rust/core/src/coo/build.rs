//! Sorting entries and adding up those at one place.

use super::Coo;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::gather::swap_units;
use crate::scratch::reserve;

/// See [`Coo::new`].
pub fn coo(coords: &[i64], data: &[u8], shape: &[usize], dtype: &Dtype, fill: Option<&[u8]>) -> Result<Coo> {
    let nnz = check_sizes(coords, data, shape, dtype, fill)?;
    let mut places = places(coords, nnz, shape)?;
    let mut items = reserve(data.len())?;
    items.extend_from_slice(data);
    swap_units(&mut items, dtype.swap());
    if !places.is_sorted_by(|a, b| a < b) {
        (places, items) = add_up(&places, &items, shape, dtype)?;
    }
    let fill = fill.map(|fill| {
        let mut fill = fill.to_vec();
        swap_units(&mut fill, dtype.swap());
        fill
    });
    let (rows, starts, columns) = split(&places, shape.last().copied().unwrap_or(1))?;
    Ok(Coo { shape: shape.to_vec(), itemsize: dtype.itemsize(), fill, rows, starts, columns, data: items })
}

/// The number of entries. Refused where coordinates, items, shape and fill do not go together.
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

/// Every entry's place in C order. Refused where a coordinate lies outside the shape.
fn places(coords: &[i64], nnz: usize, shape: &[usize]) -> Result<Vec<usize>> {
    let mut places: Vec<usize> = reserve(nnz)?;
    places.resize(nnz, 0);
    for (axis, &n) in shape.iter().enumerate() {
        for (i, (place, &coordinate)) in places.iter_mut().zip(&coords[axis * nnz..]).enumerate() {
            let inside = usize::try_from(coordinate).ok().filter(|&coordinate| coordinate < n);
            let Some(coordinate) = inside else {
                return Err(Error::invalid(format!("entry {i} has coordinate {coordinate} along axis {axis}, which has {n} elements")));
            };
            *place = *place * n + coordinate;
        }
    }
    Ok(places)
}

/// Entries in the order of their places, at most one at each: items at one place are added up in the order in which they came.
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

/// Rows, where each starts, and columns of ascending places in rows of `width` elements.
fn split(places: &[usize], width: usize) -> Result<(Vec<usize>, Vec<usize>, Vec<usize>)> {
    let (mut rows, mut starts) = (Vec::new(), Vec::new());
    let mut columns = reserve(places.len())?;
    for (i, &place) in places.iter().enumerate() {
        let row = place / width;
        if rows.last() != Some(&row) {
            rows.push(row);
            starts.push(i);
        }
        columns.push(place % width);
    }
    starts.push(places.len());
    Ok((rows, starts, columns))
}
