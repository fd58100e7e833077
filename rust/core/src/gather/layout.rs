//! How an item of the chunk is made from an item of the source.

use super::axis::{Axis, walk};
use super::swap;
use crate::error::{Error, Result};
use crate::view::View;

/// Consecutive bytes of the output item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Where they start in the source item.
    pub offset: usize,
    /// Their number.
    pub nbytes: usize,
    /// Width in bytes of the units whose bytes are reversed; 1 for none.
    pub swap: usize,
}

/// How an output item is made of a source item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// It is copied; its size in bytes.
    Whole(usize),
    /// It is copied, and the bytes of each unit are reversed.
    Swapped {
        /// Bytes of the item.
        itemsize: usize,
        /// Bytes of a unit.
        unit: usize,
    },
    /// It is put together from runs in this order.
    Packed {
        /// Bytes of the output item.
        itemsize: usize,
        /// The parts of the output item.
        runs: Vec<Run>,
    },
}

impl Layout {
    /// The simplest layout equal to `runs` over source items of `itemsize` bytes. Refused if a run
    /// leaves the item or breaks a unit.
    pub fn new(itemsize: usize, runs: &[Run]) -> Result<Self> {
        for run in runs {
            if run.offset.checked_add(run.nbytes).is_none_or(|end| end > itemsize) {
                return Err(Error::invalid(format!(
                    "layout takes {} bytes from byte {} of an item of {itemsize} bytes",
                    run.nbytes, run.offset
                )));
            }
            if run.swap == 0 || run.nbytes % run.swap != 0 {
                return Err(Error::invalid(format!("layout swaps units of {} bytes in a run of {}", run.swap, run.nbytes)));
            }
        }
        let runs = join(runs);
        match runs[..] {
            [run] if run.nbytes == itemsize && run.swap == 1 => Ok(Self::Whole(itemsize)),
            [run] if run.nbytes == itemsize => Ok(Self::Swapped { itemsize, unit: run.swap }),
            _ => {
                let total = runs.iter().try_fold(0_usize, |sum, run| sum.checked_add(run.nbytes));
                Ok(Self::Packed { itemsize: total.ok_or(Error::TooLarge(None))?, runs })
            }
        }
    }

    /// Bytes of an output item.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        match self {
            Self::Whole(itemsize) | Self::Swapped { itemsize, .. } | Self::Packed { itemsize, .. } => *itemsize,
        }
    }
}

/// The same runs with adjacent ones of equal swap merged.
fn join(runs: &[Run]) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::with_capacity(runs.len());
    for &run in runs.iter().filter(|run| run.nbytes > 0) {
        match joined.last_mut() {
            Some(last) if last.offset + last.nbytes == run.offset && last.swap == run.swap => last.nbytes += run.nbytes,
            _ => joined.push(run),
        }
    }
    joined
}

/// Write every item of the chunk from its runs.
pub fn pack(block: &View, axes: &[Axis], runs: &[Run], out: &mut [u8]) {
    let data = block.data();
    walk(axes, block.origin().cast_signed(), 0, &mut |source, target| {
        let (source, mut target) = (source.cast_unsigned(), target);
        for run in runs {
            let to = &mut out[target..target + run.nbytes];
            to.copy_from_slice(&data[source + run.offset..][..run.nbytes]);
            if run.swap > 1 {
                swap::units(to, run.swap);
            }
            target += run.nbytes;
        }
    });
}
