#!/usr/bin/env bash
# Run fuzz targets: fuzz.sh SECONDS [TARGET ...]. Prints the executions of each, fails on a finding.
#
# libFuzzer needs the compiler's coverage counters. The flags below ask LLVM for them by way of
# stable options of rustc, so neither a nightly toolchain nor cargo-fuzz is needed.
# SANITIZE=address adds AddressSanitizer, which needs nightly: RUSTUP_TOOLCHAIN=nightly.
set -euo pipefail
seconds=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
work=${FUZZ_DIR:-$here/../../build/fuzz}
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 ${SANITIZE:+-Zsanitizer=$SANITIZE}"
# A target of its own keeps the counters out of build scripts.
cargo build --manifest-path "$here/Cargo.toml" --release --locked --quiet --features engine --target "$host" --target-dir "$work/target"
if [ $# = 0 ]; then
    set -- $(sed -n 's/^ *("\([a-z0-9]*\)", .*/\1/p' "$here/src/lib.rs")
fi
failed=0
for target; do
    mkdir -p "$work/corpus/$target" "$work/findings"
    log=$work/$target.log
    if TARGET=$target "$work/target/$host/release/fuzz" "$work/corpus/$target" "$here/seeds/$target" -artifact_prefix="$work/findings/$target-" \
        -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1; then
        printf '%-12s %12s executions\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        failed=1
        printf '%-12s FOUND: see %s; keep the input as %s\n' "$target" "$log" "rust/fuzz/seeds/$target/found-..."
        tail -n 25 "$log"
    fi
done
exit $failed
