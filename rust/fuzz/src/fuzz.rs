//! libFuzzer on the target that the environment variable `TARGET` names.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tiled_zarr_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").expect("TARGET names a target");
    TARGETS.iter().find(|(other, _)| *other == name).expect("TARGET is one of tiled_zarr_fuzz::TARGETS").1
});

fuzz_target!(|data: &[u8]| (*TARGET)(data));
