//! Decoders against naive encoders, and against bytes that nobody wrote; tests/adapters asks the
//! HDF5 library.

use proptest::prelude::*;

use super::size::wrong_size;
use super::*;
use crate::error::Result;
use crate::{Blosc, Codec, codec::blosc as blosc_codec, encode_bytes};

/// A filter with its parameters, as a file tells them.
type Spelled = (u32, &'static [u32]);

const FILTERS: &[Spelled] = &[
    (1, &[5]),
    (2, &[4]),
    (3, &[]),
    (32000, &[4, 0, 64]),
    (32001, &[2, 2, 4, 64, 5, 1, 0]),
    (32004, &[0]),
    (32008, &[0, 4, 4]),
    (32008, &[0, 4, 4, 16, 2]),
    (32008, &[0, 4, 4, 8, 3, 5]),
    (32015, &[3]),
    (65536, &[]),
    (65537, &[]),
    (65538, &[]),
];

fn pipeline(filters: &[Spelled]) -> Pipeline {
    Pipeline::new(filters.iter().map(|(code, parameters)| Filter::parse(*code, parameters).unwrap()).collect()).unwrap()
}

fn decode(filters: &[Spelled], stored: &[u8], mask: u32, nbytes: usize) -> Result<Vec<u8>> {
    let mut out = vec![0xAA; nbytes];
    pipeline(filters).decode(stored, mask, &mut out, &mut Tools::default())?;
    Ok(out)
}

fn encode(codec: &Codec, data: &[u8]) -> Vec<u8> {
    encode_bytes(data, codec, &mut crate::Workspace::default()).unwrap().pieces().concat()
}

/// The first bytes of a chunk that repeats a seed.
fn chunk(seed: &[u8], nbytes: usize) -> Vec<u8> {
    seed.iter().copied().cycle().take(nbytes).collect()
}

/// Blocks behind a header of sizes, each compressed by `compress` behind its length, the last bytes
/// as they are.
fn framed(data: &[u8], blocksize: usize, whole: usize, compress: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let be = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let mut stored = [&(data.len() as u64).to_be_bytes()[..], &be(blocksize)].concat();
    for block in data[..whole].chunks(blocksize) {
        let stream = compress(block);
        stored.extend([&be(stream.len())[..], &stream].concat());
    }
    [&stored, &data[whole..]].concat()
}

/// An LZ4 block without the size in front of it that our codec writes.
fn lz4_block(data: &[u8]) -> Vec<u8> {
    encode(&Codec::lz4(1).unwrap(), data)[4..].to_vec()
}

fn bitshuffled(data: &[u8]) -> Vec<u8> {
    let mut target = vec![0; data.len()];
    crate::codec::bitshuffle::bitshuffle(4, data, &mut target);
    target
}

proptest! {
    #[test]
    fn what_was_compressed_comes_back(seed in prop::collection::vec(any::<u8>(), 1..60), items in 1_usize..2000) {
        let data = chunk(&seed, 4 * items);
        let whole = items / 8 * 32;
        let streams = [
            (FILTERS[0], encode(&Codec::zlib(3).unwrap(), &data)),
            (FILTERS[5], framed(&data, 100, data.len(), |block| {
                let stream = lz4_block(block);
                if stream.len() < block.len() { stream } else { block.to_vec() }
            })),
            (FILTERS[8], framed(&data, 32, whole, |block| encode(&Codec::zstd(1).unwrap(), &bitshuffled(block)))),
            (FILTERS[7], framed(&data, 64, whole, |block| lz4_block(&bitshuffled(block)))),
            (FILTERS[9], encode(&Codec::zstd(1).unwrap(), &data)),
            (FILTERS[10], encode(&Codec::gzip(3).unwrap(), &data)),
            (FILTERS[11], encode(&Codec::lz4(1).unwrap(), &data)),
        ];
        for (filter, stored) in streams {
            prop_assert_eq!(decode(&[filter], &stored, 0, data.len()).unwrap(), data.clone());
            prop_assert!(decode(&[filter], &stored, 0, data.len() - 1).is_err());
            prop_assert!(decode(&[filter], &stored[..stored.len() - 1], 0, data.len()).is_err());
        }
    }

    #[test]
    fn our_own_blosc_comes_back(seed in prop::collection::vec(any::<u8>(), 1..60), nbytes in 1_usize..5000, typesize in 1_usize..20) {
        let data = chunk(&seed, nbytes);
        for cname in [blosc_codec::Cname::Lz4, blosc_codec::Cname::Zlib, blosc_codec::Cname::Zstd] {
            for shuffle in [blosc_codec::Shuffle::None, blosc_codec::Shuffle::Byte, blosc_codec::Shuffle::Bit] {
                let stored = encode(&Codec::blosc(Blosc::new(cname, 5, shuffle, typesize).unwrap()), &data);
                prop_assert_eq!(decode(&[FILTERS[4]], &stored, 0, nbytes).unwrap(), data.clone());
            }
        }
    }

    #[test]
    fn anything_is_decoded_or_refused(stored in prop::collection::vec(any::<u8>(), 0..300), nbytes in 1_usize..300, mask in 0_u32..4) {
        for &filter in FILTERS {
            let _ = decode(&[filter], &stored, mask, nbytes);
            let _ = decode(&[(2, &[4]), filter], &stored, mask, nbytes);
            let _ = decode(&[filter, (3, &[])], &stored, mask, nbytes);
        }
    }

    #[test]
    fn what_looks_right_is_decoded_or_refused(
        sizes in prop::collection::vec(prop::sample::select(vec![0_u32, 1, 4, 16, 31, 32, 64, 255, 256, 1 << 20, u32::MAX]), 1..12),
        rest in prop::collection::vec(any::<u8>(), 0..100),
        flags in any::<u8>(),
        typesize in 0_u8..20,
    ) {
        let words = |bytes: fn(u32) -> [u8; 4]| -> Vec<u8> { sizes.iter().flat_map(|size| bytes(*size)).chain(rest.iter().copied()).collect() };
        let blosc = [&[2, 1, flags, typesize][..], &256_u32.to_le_bytes(), &words(u32::to_le_bytes)].concat();
        let _ = decode(&[FILTERS[4]], &blosc, 0, 256);
        let framed = [&256_u64.to_be_bytes()[..], &words(u32::to_be_bytes)].concat();
        for filter in [FILTERS[5], FILTERS[7], FILTERS[8]] {
            let _ = decode(&[filter], &framed, 0, 256);
        }
    }

    #[test]
    fn a_region_is_what_its_chunks_hold(
        axes in prop::collection::vec((1_usize..6, 0_usize..12, 1_usize..8), 1..4),
        itemsize in prop::sample::select(vec![1_usize, 2, 3, 4, 8, 16]),
        is_plain in any::<bool>(),
    ) {
        let (chunk_shape, start, shape): (Vec<_>, Vec<_>, Vec<_>) = axes.iter().copied().collect();
        let filters: &[Spelled] = if is_plain { &[] } else { &[(1, &[5])] };
        let decoder = Decoder::new(pipeline(filters), chunk_shape.clone(), itemsize).unwrap();
        let nbytes = chunk_shape.iter().product::<usize>() * itemsize;
        let value = |place: &[usize], k: usize| u8::try_from(place.iter().fold(k, |sum, i| sum * 31 + i) % 251).unwrap();
        let bytes: Vec<(Vec<usize>, Vec<u8>)> = places(&axes.iter().map(|(chunk, start, len)| (start / chunk, (start + len - 1) / chunk + 1)).collect::<Vec<_>>())
            .into_iter()
            .map(|index| {
                let inside = places(&index.iter().zip(&chunk_shape).map(|(i, n)| (i * n, (i + 1) * n)).collect::<Vec<_>>());
                let data: Vec<u8> = inside.iter().flat_map(|place| (0..itemsize).map(|k| value(place, k))).collect();
                assert_eq!(data.len(), nbytes);
                (index, if is_plain { data } else { encode(&Codec::zlib(1).unwrap(), &data) })
            })
            .collect();
        let chunks: Vec<Stored> = bytes.iter().map(|(index, bytes)| Stored { index: index.clone(), bytes, mask: 0 }).collect();
        let wanted = places(&start.iter().zip(&shape).map(|(i, n)| (*i, i + n)).collect::<Vec<_>>());
        let expected: Vec<u8> = wanted.iter().flat_map(|place| (0..itemsize).map(|k| value(place, k))).collect();
        let mut out = vec![0xAA; expected.len()];
        decoder.read(&start, &shape, &chunks, &mut out, &mut Workspace::default()).unwrap();
        prop_assert_eq!(out, expected);
    }
}

const FORMATS: [Format; 6] = [Format::Blosc, Format::Zstd, Format::Gzip, Format::Zlib, Format::Lz4, Format::None];

fn decompressed(format: Format, stored: &[u8], most: usize) -> Result<Option<Vec<u8>>> {
    let mut out = vec![0xAA; most + 1];
    let n = decompress(format, stored, &mut out[..most], &mut Workspace::default());
    assert_eq!(out[most], 0xAA);
    n.map(|n| n.map(|n| out[..n].to_vec()))
}

proptest! {
    #[test]
    fn a_bound_is_exact(seed in prop::collection::vec(any::<u8>(), 1..60), nbytes in 1_usize..5000, more in 1_usize..100, cut in any::<prop::sample::Index>()) {
        let data = chunk(&seed, nbytes);
        let blosc = Codec::blosc(Blosc::new(blosc_codec::Cname::Lz4, 5, blosc_codec::Shuffle::Byte, 4).unwrap());
        let codecs = [blosc, Codec::zstd(1).unwrap(), Codec::gzip(1).unwrap(), Codec::zlib(1).unwrap(), Codec::lz4(1).unwrap(), Codec::none()];
        for (format, codec) in FORMATS.into_iter().zip(codecs) {
            let stored = encode(&codec, &data);
            prop_assert!(is_whole(format, &stored, Some(nbytes as u64)) && is_whole(format, &stored, None));
            prop_assert_eq!(is_whole(format, &stored, Some(nbytes as u64 + 1)), format == Format::Zlib);
            for most in [nbytes, nbytes + more] {
                prop_assert_eq!(decompressed(format, &stored, most).unwrap(), Some(data.clone()));
            }
            prop_assert_eq!(decompressed(format, &stored, nbytes - 1).unwrap(), None);
            if format != Format::None {
                prop_assert!(decompressed(format, &stored[..cut.index(stored.len())], nbytes).ok().flatten().is_none_or(|decoded| decoded.is_empty()));
            }
        }
    }

    #[test]
    fn anything_is_a_frame_or_not(stored in prop::collection::vec(any::<u8>(), 0..300), most in 0_usize..300, magic in any::<prop::sample::Index>()) {
        let magics: [&[u8]; 5] = [b"", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08", b"\x02\x01", b"\x78\x9c"];
        let stored = [magics[magic.index(5)], &stored].concat();
        for format in FORMATS {
            let _ = (is_whole(format, &stored, None), decoded_size(format, &stored), decompressed(format, &stored, most));
        }
    }

    #[test]
    fn gzip_members_follow_each_other(sizes in prop::collection::vec((0_usize..300, 0_usize..5), 1..5), extra in 1_u8..) {
        let gzip = Codec::gzip(1).unwrap();
        let members: Vec<Vec<u8>> = sizes.iter().map(|&(n, _)| chunk(&[1, 2, 3, 5, 8], n)).collect();
        let stored: Vec<u8> = members.iter().zip(&sizes).flat_map(|(data, &(_, zeros))| [encode(&gzip, data), vec![0; zeros]].concat()).collect();
        let data = members.concat();
        prop_assert_eq!(decompressed(Format::Gzip, &stored, data.len()).unwrap(), Some(data.clone()));
        if !data.is_empty() {
            prop_assert_eq!(decode(&[FILTERS[10]], &stored, 0, data.len()).unwrap(), data.clone());
            prop_assert_eq!(decompressed(Format::Gzip, &stored, data.len() - 1).unwrap(), None);
        }
        prop_assert!(decompressed(Format::Gzip, &[&stored[..], &[extra]].concat(), data.len()).is_err());
    }
}

/// Every place of a box, in C order.
fn places(ranges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let Some((&(first, end), inner)) = ranges.split_first() else { return vec![vec![]] };
    (first..end).flat_map(|i| places(inner).into_iter().map(move |rest| [&[i][..], &rest].concat())).collect()
}

#[test]
fn filters_are_undone_from_the_last() {
    let data: Vec<u8> = (0..64).collect();
    let checked = |bytes: &[u8]| {
        let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
        let (low, high) = words.fold((0, 0), |(low, high), word| ((low + word) % 0xFFFF, (high + low + word) % 0xFFFF));
        [bytes, &(high << 16 | low).to_le_bytes()].concat()
    };
    let mut shuffled = vec![0; 68];
    crate::codec::shuffle::shuffle(4, &checked(&data), &mut shuffled);
    let filters: &[Spelled] = &[(3, &[]), (2, &[4]), (1, &[5]), (3, &[])];
    let stored = checked(&encode(&Codec::zlib(1).unwrap(), &shuffled));
    assert_eq!(decode(filters, &stored, 0, 64).unwrap(), data);
    assert_eq!(decode(filters, &checked(&shuffled), 0b0100, 64).unwrap(), data);
    assert_eq!(decode(filters, &checked(&data), 0b1110, 64).unwrap(), data);
    assert_eq!(decode(filters, &data, 0b1111, 64).unwrap(), data);
    let swapped: Vec<u8> = [&data[..], &checked(&data)[64..].chunks(2).flat_map(|half| [half[1], half[0]]).collect::<Vec<u8>>()].concat();
    assert_eq!(decode(&filters[..1], &swapped, 0, 64).unwrap(), data);
}

#[test]
fn lzf_and_blosclz_by_hand() {
    let text = b"abcabcabcabcaaaaaaaaaaaaaaaaaaaaaa";
    let lzf = [&[2][..], b"abc", &[7 << 5, 0, 2], &[0], b"a", &[7 << 5, 11, 0]].concat();
    assert_eq!(decode(&[FILTERS[3]], &lzf, 0, 3 + 9 + 1 + 20).unwrap(), text[..33]);
    let mut out = [0; 34];
    let short = [&[2][..], b"abc", &[6 << 5, 2], &[0], b"a", &[7 << 5, 11, 0], &[0], b"a"].concat();
    assert_eq!(blosclz::decode(&short, &mut out), Err(wrong_size("blosclz", 33, 34)));
    let mut out = [0; 33];
    blosclz::decode(&short, &mut out).unwrap();
    assert_eq!(&out, b"abcabcabcabaaaaaaaaaaaaaaaaaaaaaa");
}

#[test]
fn a_blosclz_match_from_afar() {
    let literals: Vec<u8> = (0..9216_u32).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
    let stream: Vec<u8> = literals.chunks(32).flat_map(|run| [&[31][..], run].concat()).collect();
    let stored = [&stream[..], &[1 << 5 | 31, 255, 2, 0], &[0, 7]].concat();
    let mut out = vec![0; literals.len() + 4];
    blosclz::decode(&stored, &mut out).unwrap();
    let distance = 8191 + 512 + 1;
    assert_eq!(out[9216..9219], literals[9216 - distance..][..3]);
    assert_eq!(out[9219], 7);
}

#[test]
fn refusals_name_the_numbers() {
    let message = |filters: &[Spelled], stored: &[u8], nbytes| decode(filters, stored, 0, nbytes).unwrap_err().to_string();
    assert_eq!(message(&[], &[0; 3], 4), "stored bytes: 3 bytes, 4 are expected");
    assert_eq!(message(&[FILTERS[1]], &[0; 3], 4), "a filter that changes no size: 3 bytes, 4 are expected");
    assert_eq!(message(&[FILTERS[2]], &[0; 3], 4), "fletcher32: 3 bytes hold no checksum");
    assert_eq!(
        message(&[FILTERS[2]], &[0, 1, 9, 0, 0, 0], 2),
        "fletcher32: the stored checksum is 0x00000009, that of the data 0x00010001"
    );
    assert_eq!(message(&[FILTERS[0]], &[0; 3], 4), "deflate: 3 bytes are no zlib stream");
    assert_eq!(message(&[FILTERS[10]], &[0; 3], 4), "gzip: 3 bytes are no gzip member");
    let bomb = encode(&Codec::gzip(1).unwrap(), &vec![0; 100_000]);
    assert_eq!(message(&[FILTERS[10]], &bomb, 4), "gzip: decodes to more than the 4 bytes expected");
    assert_eq!(message(&[FILTERS[10]], &bomb, 100_001), "gzip: decodes to 100000 bytes, 100001 are expected");
    assert_eq!(message(&[FILTERS[11]], &[0; 3], 4), "lz4: 4 bytes are announced, 3 are left");
    assert_eq!(message(&[FILTERS[11]], &[9, 0, 0, 0, 0], 4), "lz4: 9 bytes, 4 are expected");
    assert_eq!(message(&[FILTERS[12]], &[0; 3], 4), "crc32c: 3 bytes hold no checksum");
    assert_eq!(message(&[FILTERS[12]], b"123456789\0\0\0\0", 9), "crc32c: the stored checksum is 0x00000000, that of the data 0xe3069283");
    assert_eq!(message(&[FILTERS[3]], &[32, 0], 4), "lzf: a match 1 bytes back, 0 are written");
    assert_eq!(message(&[FILTERS[3]], &[4], 9), "lzf: 5 bytes are announced, 0 are left");
    assert_eq!(message(&[FILTERS[3]], &[1, 0, 0, 9], 2), "lzf: 1 bytes are left over");
    assert_eq!(message(&[FILTERS[3]], &[1, 0, 0], 1), "lzf: decodes to 2 bytes, 1 are expected");
    assert_eq!(message(&[FILTERS[5]], &[0; 12], 4), "lz4: 0 bytes, 4 are expected");
    assert_eq!(message(&[FILTERS[5]], &[0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0], 4), "lz4: blocks of 0 bytes for 4");
    assert_eq!(
        message(&[FILTERS[4]], &[3, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4),
        "blosc: format 3 with streams of format 1, 2 with 1 is known"
    );
    let refused = |code, parameters: &[u32]| Filter::parse(code, parameters).unwrap_err().to_string();
    assert_eq!(refused(4, &[1]), "filter 4 with the parameters [1] is not known");
    assert_eq!(refused(32008, &[0, 4, 4, 8, 1]), "filter 32008 with the parameters [0, 4, 4, 8, 1] is not known");
    assert_eq!(refused(32008, &[0, 4, 4, 9]), "bitshuffle: blocks of 9 items of 4 bytes, no multiple of 8");
    let two = Pipeline::new(vec![Filter::Deflate, Filter::Lzf]).unwrap_err().to_string();
    assert_eq!(two, "2 filters with 2 compressors: at most 32 with 1 are undone");
    let decoder = Decoder::new(pipeline(&[]), vec![4], 1).unwrap();
    let message = |index, start: &[usize]| {
        let stored = Stored { index, bytes: &[0; 3], mask: 0 };
        decoder.read(start, &[4], &[stored], &mut [0; 4], &mut Workspace::default()).unwrap_err().to_string()
    };
    assert_eq!(message(vec![1], &[4]), "chunk [1]: stored bytes: 3 bytes, 4 are expected");
    assert_eq!(message(vec![2], &[4]), "chunk [2] lies outside of the region at [4] of shape [4]");
    assert_eq!(message(vec![usize::MAX], &[4]), format!("chunk [{}] lies outside of the region at [4] of shape [4]", usize::MAX));
    assert_eq!(message(vec![1], &[]), "a region at [] of shape [4] in 4 bytes, chunks of shape [4] with items of 1 bytes");
    assert!(Decoder::new(pipeline(&[]), vec![4, 0], 1).is_err());
    assert!(Decoder::new(pipeline(&[]), vec![usize::MAX, 2], 1).is_err());
}
