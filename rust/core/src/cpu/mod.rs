//! What this processor can do that not every one of its kind can: the only room with unsafe code.
//!
//! The crate is compiled for the oldest processors of an architecture (on x86-64: SSE2, which is 16
//! bytes at a time). Kernels for newer instructions are compiled beside it, and each call chooses
//! among them by what the processor says of itself. The standard library asks the processor once
//! and keeps the answer, so that a choice costs a load and a branch.
//!
//! Each function here does as much of its work as vector instructions can, from the start on, and
//! returns how much that was. The caller does the rest with plain code, which is all there is on a
//! processor without a kernel. So a kernel handles whole vectors only, and no caller has to know
//! which kernel ran. The tests of the callers compare every kernel with a naive loop.
//!
//! Unsafe code is of two sorts, and nowhere else in the crate:
//!
//! * calling a kernel, which is undefined on a processor without its instructions. The block
//!   stands behind the question for each of them. The kernels themselves are safe functions:
//!   they take slices, index them with checks, and turn them into vectors with `bytemuck`.
//! * the instruction that fetches memory into the cache, which takes a pointer.

mod compare;
#[cfg(not(target_arch = "x86_64"))]
mod plain;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use compare::{Compare, LANES, SPAN};
#[cfg(not(target_arch = "x86_64"))]
pub use plain::{bitshuffle, by_compare, prefetch, repeats, shuffle, unshuffle, vectorised};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{bitshuffle, by_compare, prefetch, repeats, shuffle, unshuffle, vectorised};

#[cfg(test)]
pub mod tests {
    pub use super::compare::equal;
    #[cfg(target_arch = "x86_64")]
    pub use super::x86_64::{bitshuffle_by_avx2, bitshuffle_by_gfni};
}
