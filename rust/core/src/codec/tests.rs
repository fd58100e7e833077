//! Codecs against the decoders of the same libraries; tests/native asks decoders that are not ours.

use proptest::prelude::*;

use super::*;

fn bytes(encoded: Encoded) -> Vec<u8> {
    encoded.pieces().concat()
}

proptest! {
    #[test]
    fn equal_input_gives_equal_output(data in prop::collection::vec(0_u8..4, 0..3000), other in prop::collection::vec(any::<u8>(), 0..3000)) {
        let blosc = |cname| Codec::blosc(Blosc::new(cname, 5, blosc::Shuffle::Byte, 4).unwrap());
        let codecs = [blosc(blosc::Cname::Lz4), blosc(blosc::Cname::Zstd), Codec::zstd(3).unwrap(), Codec::gzip(6).unwrap(), Codec::lz4(1).unwrap(), Codec::none()];
        let mut tools = Tools::default();
        for codec in codecs.into_iter().flat_map(|codec| [codec, codec.with_crc32c(true)]) {
            let mut fresh = Tools::default();
            let first = bytes(codec.encode(&data, &mut fresh).unwrap());
            codec.encode(&other, &mut tools).unwrap();
            prop_assert_eq!(bytes(codec.encode(&data, &mut tools).unwrap()), first);
        }
    }
}
