//! LZF, the HDF5 filter 32000: <https://oldhome.schmorp.de/marc/liblzf.html>.

use super::matches::Output;
use super::reader::Reader;
use crate::error::Result;

/// Decode a stream that fills `out`.
///
/// A control byte below 32 announces that many literal bytes plus one. Any other is a match: the
/// upper three bits are its length minus 2, with 7 meaning that another byte is added, and the rest
/// are the upper bits of the distance.
pub fn decode(data: &[u8], out: &mut [u8]) -> Result<()> {
    let mut reader = Reader::new("lzf", data);
    let mut output = Output::new("lzf", out);
    while !output.is_full() {
        let control = reader.u8()?;
        if control < 32 {
            output.literal(&mut reader, control + 1)?;
            continue;
        }
        let mut length = control >> 5;
        if length == 7 {
            length += reader.u8()?;
        }
        let distance = ((control & 31) << 8) + reader.u8()? + 1;
        output.repeat(distance, length + 2)?;
    }
    reader.end()
}
