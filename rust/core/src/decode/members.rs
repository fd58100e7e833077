//! gzip as it may be written: several members,
//! <https://www.rfc-editor.org/rfc/rfc1952#section-2.2>.
//!
//! The binding of libdeflate, which decodes one member of a known size (deflate.rs), does not say
//! where the member ends. `flate2` does, at a third to two thirds of its speed.

use std::io::Read;

use flate2::bufread::GzDecoder;

use crate::error::{Error, Result};

/// Decode all members to the start of `out`, one after the other. Returns how many bytes that
/// are, None if `out` has no room for as many.
///
/// Zeros behind a member are padding, as gzip itself takes them. Refused if a member is damaged or
/// cut short.
pub fn decode(data: &[u8], out: &mut [u8]) -> Result<Option<usize>> {
    let (mut rest, mut done) = (data, 0);
    loop {
        let mut member = GzDecoder::new(rest);
        let damaged = |_| Error::invalid(format!("gzip: {} bytes are no gzip member", data.len()));
        done += fill(&mut member, &mut out[done..]).map_err(damaged)?;
        // The checksum is compared when the end is read.
        if done == out.len() && fill(&mut member, &mut [0]).map_err(damaged)? > 0 {
            return Ok(None);
        }
        rest = member.into_inner();
        rest = &rest[rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len())..];
        if rest.is_empty() {
            return Ok(Some(done));
        }
    }
}

/// Read until the end of the stream or of `out`. Returns how many bytes were read.
fn fill(stream: &mut impl Read, out: &mut [u8]) -> std::io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match stream.read(&mut out[done..])? {
            0 => break,
            n => done += n,
        }
    }
    Ok(done)
}
