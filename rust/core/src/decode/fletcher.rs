//! The Fletcher-32 checksum as HDF5 writes it behind the data: sums of big-endian words, stored
//! little endian.
//!
//! <https://support.hdfgroup.org/documentation/hdf5/latest/group___h5_z.html>; the sums are those
//! of `H5checksum.c`.

use crate::error::{Error, Result};

/// Bytes of a checksum.
pub const NBYTES: usize = 4;
/// Words that can be added before the 32-bit sums may overflow.
const STEP: usize = 360;

/// The bytes in front of their checksum. Refused if the checksum differs.
///
/// HDF5 before 1.6.3 wrote it with the bytes of each half swapped, and the library accepts both.
pub fn check(data: &[u8]) -> Result<&[u8]> {
    let Some((bytes, stored)) = data.split_last_chunk::<NBYTES>() else {
        return Err(Error::invalid(format!("fletcher32: {} bytes hold no checksum", data.len())));
    };
    let (stored, computed) = (u32::from_le_bytes(*stored), checksum(bytes));
    let swapped = (computed >> 8 & 0x00FF_00FF) | (computed & 0x00FF_00FF) << 8;
    if stored != computed && stored != swapped {
        return Err(Error::invalid(format!("fletcher32: the stored checksum is {stored:#010x}, that of the data {computed:#010x}")));
    }
    Ok(bytes)
}

fn checksum(data: &[u8]) -> u32 {
    let (mut low, mut high) = (0_u32, 0_u32);
    let (words, rest) = data.as_chunks::<2>();
    for step in words.chunks(STEP) {
        for &word in step {
            low += u32::from(u16::from_be_bytes(word));
            high += low;
        }
        (low, high) = (fold(low), fold(high));
    }
    if let [last] = rest {
        low += u32::from(*last) << 8;
        high += low;
        (low, high) = (fold(low), fold(high));
    }
    fold(high) << 16 | fold(low)
}

fn fold(sum: u32) -> u32 {
    (sum & 0xFFFF) + (sum >> 16)
}
