//! One axis of a copy: where its items come from and where they go.

use crate::error::{Error, Result};
use crate::view::View;

/// `len` steps of `stride` bytes in the source and `pitch` bytes in the chunk, which has room for
/// `full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Elements to copy.
    pub len: usize,
    /// Elements of the chunk.
    pub full: usize,
    /// Bytes from an element to the next in the source.
    pub stride: isize,
    /// Bytes from an element to the next in the chunk.
    pub pitch: usize,
}

impl Axis {
    /// An axis of one element.
    pub const ONE: Self = Self { len: 1, full: 1, stride: 0, pitch: 1 };

    /// All axes of a block and its chunk, whose items have `itemsize` bytes.
    pub fn all(block: &View, chunk_shape: &[usize], itemsize: usize) -> Result<Vec<Self>> {
        check_fit(block, chunk_shape)?;
        crate::shape::nbytes(chunk_shape, itemsize)?;
        let mut pitch = itemsize;
        let mut axes = Vec::with_capacity(chunk_shape.len());
        for ((&len, &full), &stride) in block.shape().iter().zip(chunk_shape).zip(block.strides()).rev() {
            axes.push(Self { len, full, stride, pitch });
            pitch = pitch.saturating_mul(full);
        }
        axes.reverse();
        Ok(axes)
    }

    /// Whether the two axes can be one, because this one continues `inner`.
    fn continues(&self, inner: &Self) -> bool {
        let reach = isize::try_from(inner.len).ok().and_then(|len| inner.stride.checked_mul(len));
        reach == Some(self.stride) && inner.len * inner.pitch == self.pitch
    }
}

/// Refuse a block that does not fit into the chunk.
pub fn check_fit(block: &View, chunk_shape: &[usize]) -> Result<()> {
    let shape = block.shape();
    if shape.len() != chunk_shape.len() {
        return Err(Error::invalid(format!("block has {} axes, chunk has {}", shape.len(), chunk_shape.len())));
    }
    match shape.iter().zip(chunk_shape).position(|(n, full)| n > full) {
        Some(i) => Err(Error::invalid(format!(
            "block has {} elements along axis {i}, chunk has {}: a block is at most as large as its chunk",
            shape[i], chunk_shape[i]
        ))),
        None => Ok(()),
    }
}

/// Zero every byte of the chunk that no item goes to.
pub fn pad(axes: &[Axis], out: &mut [u8]) {
    let Some((axis, inner)) = axes.split_first() else { return };
    let (filled, rest) = out.split_at_mut(axis.len * axis.pitch);
    rest.fill(0);
    if inner.iter().any(|axis| axis.len < axis.full) {
        filled.chunks_exact_mut(axis.pitch).for_each(|part| pad(inner, part));
    }
}

/// The same copy over as few axes as possible, none of length 1.
pub fn merge(axes: &[Axis]) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    for &axis in axes.iter().filter(|axis| axis.len != 1) {
        match merged.last_mut() {
            Some(outer) if outer.continues(&axis) => *outer = Axis { len: outer.len * axis.len, full: outer.full * axis.full, ..axis },
            _ => merged.push(axis),
        }
    }
    merged
}

/// Call `each(source, target)` with the byte offsets of every element of `axes`, the last axis
/// fastest.
pub fn walk(axes: &[Axis], source: isize, target: usize, each: &mut impl FnMut(isize, usize)) {
    let Some((axis, inner)) = axes.split_first() else { return each(source, target) };
    let (mut source, mut target) = (source, target);
    for _ in 0..axis.len {
        walk(inner, source, target, each);
        source = source.wrapping_add(axis.stride);
        target += axis.pitch;
    }
}
