//! `BloscLZ`, Blosc's own compressor: <https://github.com/Blosc/c-blosc/blob/main/blosc/blosclz.c>.

use super::matches::Output;
use super::reader::Reader;
use crate::error::Result;

/// The greatest distance in the short form of a match; it announces the long form.
const MAX_DISTANCE: usize = 8191;

/// Decode a stream that fills `out`.
///
/// Like LZF with three differences: a match is one byte longer, a length goes on while its bytes
/// are 255, and the greatest short distance announces a longer one in two more bytes. The first
/// control byte always announces literals, and so does the last: the C decoder ignores a match at
/// the very end, so this one does too.
pub fn decode(data: &[u8], out: &mut [u8]) -> Result<()> {
    let mut reader = Reader::new("blosclz", data);
    let mut output = Output::new("blosclz", out);
    let mut control = reader.u8()? & 31;
    loop {
        if control < 32 {
            output.literal(&mut reader, control + 1)?;
            if reader.is_empty() {
                break;
            }
        } else {
            let (length, distance) = read_match(control, &mut reader)?;
            if reader.is_empty() {
                break;
            }
            output.repeat(distance, length)?;
        }
        control = reader.u8()?;
    }
    output.end()
}

fn read_match(control: usize, reader: &mut Reader) -> Result<(usize, usize)> {
    let mut length = (control >> 5) + 2;
    if control >> 5 == 7 {
        loop {
            let more = reader.u8()?;
            length += more;
            if more != 255 {
                break;
            }
        }
    }
    let short = ((control & 31) << 8) + reader.u8()?;
    let distance = if short == MAX_DISTANCE { MAX_DISTANCE + reader.u16_be()? } else { short };
    Ok((length, distance + 1))
}
