#!/usr/bin/env bash
# Feeds every reader of bytes from outside with bytes that nobody meant: tests/fuzz/run.sh [SECONDS] [TARGET...].
# Each target runs for SECONDS, 10 if none are given. What is found is in tests/fuzz/found, and the run ends with
# another code than 0. The corpus that a run has made, in target/fuzz/corpus, is where the next begins. Stable Rust
# is enough; libFuzzer wants a C++ compiler, without which the run is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-10}
[ $# -eq 0 ] || shift
case $seconds in
  '' | *[!0-9]*) echo "run.sh: expected whole seconds, found '$seconds'" >&2; exit 2 ;;
esac
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(requests replies messages job)

if ! command -v c++ >/dev/null; then
  echo
  echo "!!! SKIPPED: fuzzing. libFuzzer is built by a C++ compiler, and there is no 'c++'."
  exit 0
fi

# Names the target for itself, so that build scripts and macros are built without the instruments.
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz sets, but for the sanitizers, which want a nightly compiler: `unsafe` is forbidden in all of ours.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
# A run of seconds is mostly its own compilation, for which the manifest leaves the optimizer out.
optimised=()
[ "$seconds" -lt 60 ] || optimised=(--config profile.release.opt-level=3)
cargo build --quiet --release --locked "${optimised[@]}" --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz --target "$host"

for target in "${targets[@]}"; do
  corpus=target/fuzz/corpus/$target
  mkdir -p "$corpus" tests/fuzz/found
  echo "--- $target, for $seconds s"
  "target/fuzz/$host/release/$target" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=65536 -artifact_prefix="tests/fuzz/found/$target-" -print_final_stats=1 2>&1 \
    | grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb|SUMMARY|==|thread|.*panicked|Test unit)' \
    || { echo "FAILED: $target; the bytes are in tests/fuzz/found" >&2; exit 1; }
done
rmdir tests/fuzz/found 2>/dev/null || { echo "FAILED: bytes that break something are in tests/fuzz/found" >&2; exit 1; }
