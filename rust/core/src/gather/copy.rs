//! Kernels that copy items as they are.

use super::axis::{Axis, walk};
use crate::memcpy::copy;
use crate::rows::Rows;
use crate::view::View;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Cache lines of a tile of a transposing copy: 16 lines stay in the first-level cache even if they
/// are a power of two apart.
const TILE: usize = 16;

/// Copy every item of `block` to its place in the chunk `out`; `axes` are merged.
pub fn items(block: &View, axes: &[Axis], itemsize: usize, out: &mut [u8]) {
    match itemsize {
        1 => Fixed::<1>.items(block, axes, out),
        2 => Fixed::<2>.items(block, axes, out),
        4 => Fixed::<4>.items(block, axes, out),
        8 => Fixed::<8>.items(block, axes, out),
        16 => Fixed::<16>.items(block, axes, out),
        _ => Any(itemsize).items(block, axes, out),
    }
}

/// Copies of items of one size. If the compiler knows the size, an item is one move.
trait Copier: Copy {
    /// Bytes of an item.
    fn itemsize(self) -> usize;

    /// Copy the item at the start of `from` to the start of `to`.
    fn item(self, from: &[u8], to: &mut [u8]) {
        let n = self.itemsize();
        to[..n].copy_from_slice(&from[..n]);
    }

    /// Choose the kernel by the strides of the innermost axis.
    fn items(self, block: &View, axes: &[Axis], out: &mut [u8]) {
        let (data, origin) = (block.data(), block.origin().cast_signed());
        let Some((&inner, outer)) = axes.split_last() else { return self.item(&data[block.origin()..], out) };
        let is_contiguous = |axis: &Axis| axis.stride.unsigned_abs() == self.itemsize();
        if is_contiguous(&inner) && inner.stride > 0 && inner.pitch == self.itemsize() {
            let nbytes = inner.len * self.itemsize();
            let (rows, outer) = outer.split_last().map_or((Axis::ONE, outer), |(&rows, outer)| (rows, outer));
            walk(outer, origin, 0, &mut |source, target| {
                let places = (target..).step_by(rows.pitch);
                for (row, target) in Rows::new(data, source.cast_unsigned(), rows.stride, nbytes, rows.len).iter().zip(places) {
                    copy(row, &mut out[target..][..nbytes]);
                }
            });
        } else if let Some(i) = outer.iter().position(|axis| is_contiguous(axis) && inner.stride.unsigned_abs() > self.itemsize()) {
            let mut rest = outer.to_vec();
            let across = rest.remove(i);
            walk(&rest, origin, 0, &mut |source, target| self.plane(data, source, [across, inner], &mut out[target..]));
        } else {
            walk(outer, origin, 0, &mut |source, target| self.row(data, source, inner, &mut out[target..]));
        }
    }

    /// Copy one row of items at any stride.
    fn row(self, data: &[u8], source: isize, axis: Axis, out: &mut [u8]) {
        let n = self.itemsize();
        let out = &mut out[..(axis.len - 1) * axis.pitch + n];
        if let Ok(stride) = usize::try_from(axis.stride) {
            let data = &data[source.cast_unsigned()..][..(axis.len - 1) * stride + n];
            for i in 0..axis.len {
                self.item(&data[i * stride..], &mut out[i * axis.pitch..]);
            }
        } else {
            let pitch = axis.stride.unsigned_abs();
            let last = (axis.len - 1) * pitch;
            let data = &data[source.cast_unsigned() - last..][..last + n];
            for i in 0..axis.len {
                self.item(&data[last - i * pitch..], &mut out[i * axis.pitch..]);
            }
        }
    }

    /// Copy a plane tile by tile, so that each cache line of the source is read once although the
    /// chunk runs across it.
    fn plane(self, data: &[u8], source: isize, [across, along]: [Axis; 2], out: &mut [u8]) {
        let width = (LINE / self.itemsize()).max(1);
        for i in (0..across.len).step_by(width) {
            for j in (0..along.len).step_by(TILE) {
                let source = source + across.stride * i.cast_signed() + along.stride * j.cast_signed();
                let along = Axis { len: TILE.min(along.len - j), ..along };
                let across = Axis { len: width.min(across.len - i), ..across };
                walk(&[across], source, i * across.pitch + j * along.pitch, &mut |source, target| {
                    self.row(data, source, along, &mut out[target..]);
                });
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Fixed<const N: usize>;

impl<const N: usize> Copier for Fixed<N> {
    fn itemsize(self) -> usize {
        N
    }
}

#[derive(Clone, Copy)]
struct Any(usize);

impl Copier for Any {
    fn itemsize(self) -> usize {
        self.0
    }
}
