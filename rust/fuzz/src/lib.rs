//! Random bytes against every decoder and every entry of tiled-zarr-core.
//!
//! A target is a function of bytes that panics if an invariant does not hold. Those of decoders
//! read an expected size (2 bytes, little endian) and a stream; those of other entries read their
//! arguments from the bytes by `arbitrary`. The invariants:
//!
//! * nothing panics, and a refusal is an `Error`;
//! * nothing is written outside of the memory that was given ([`memory`]);
//! * what an encoder has written decodes to what it was given;
//! * a fast path says what six obvious lines say;
//! * a decoder and one that others have written (`flate2`, `ruzstd`, `lz4_flex`, c-blosc) make the
//!   same bytes of a stream that both accept.

mod codecs;
mod compressors;
mod filters;
mod frames;
mod gathering;
mod halving;
pub mod memory;
mod regions;
mod rivals;
mod sparse;
mod spellings;
mod strings;

/// A function that panics on a finding.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: [(&str, Target); 17] = [
    ("bitshuffle", filters::bitshuffle),
    ("blosc", compressors::blosc),
    ("checksums", filters::checksums),
    ("codec", codecs::codec),
    ("coo", sparse::coo),
    ("encode", gathering::encode),
    ("frames", frames::frames),
    ("gzip", compressors::gzip),
    ("halve", halving::halve),
    ("lz4", compressors::lz4),
    ("lzf", filters::lzf),
    ("pipeline", filters::pipeline),
    ("region", regions::region),
    ("spellings", spellings::spellings),
    ("strings", strings::strings),
    ("zlib", compressors::zlib),
    ("zstd", compressors::zstd),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::TARGETS;

    /// Every seed and every input that was once a finding.
    #[test]
    fn seeds_are_no_findings() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
            let mut count = 0;
            for seed in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                let path = seed.unwrap().path();
                println!("{}", path.display());
                target(&std::fs::read(path).unwrap());
                count += 1;
            }
            assert!(count > 0, "{name} has no seed");
        }
    }
}
