#!/usr/bin/env bash
# Runs the code that holds `unsafe`, and what it calls, under tools that see wrong uses of memory.
#
#   tests/sanitize.sh            all of them, one after the other
#   tests/sanitize.sh address    AddressSanitizer: the emulator (its C++ as well), matrix products, kernels on CPU and GPU
#   tests/sanitize.sh thread     ThreadSanitizer: the same but for the GPU, several emulators and many threads at once
#   tests/sanitize.sh miri       Miri: matrix products, on the pointers that they pass on
#
# Needs a nightly toolchain: rustup toolchain install nightly --component rust-src,miri
# Builds in target/sanitize, or in KELVIN_SANITIZE_DIR; some GB that may be deleted afterwards.
# docs/reliability.md says what was found.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
folder=${KELVIN_SANITIZE_DIR:-$repo/target/sanitize}
machine=$(rustc -vV | sed -n 's/^host: //p')
export CMAKE_POLICY_VERSION_MINIMUM=${CMAKE_POLICY_VERSION_MINIMUM:-3.5}
# Line numbers are enough, and full debug information of everything is many GB.
export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only

# The emulator reads the word behind a palette for pixels of colour 255, which Air Raid has, a cartridge for European
# televisions: engine/env/src/ale/ffi.rs.
known='ColourPalette::applyPaletteGrayscale\|ColourPalette.cpp:105'

sanitize() { # address|thread
  export CARGO_TARGET_DIR=$folder/$1
  export RUSTFLAGS="-Zsanitizer=$1"
  # Of the emulator's C++. It goes on after what it finds, which is judged below.
  export CXXFLAGS="-fsanitize=$1 -fno-omit-frame-pointer -g1"
  [[ $1 != address ]] || CXXFLAGS+=" -fsanitize-recover=address"
  local reports=$folder/$1-reports
  rm -rf "$reports"
  mkdir -p "$reports"
  export ASAN_OPTIONS=halt_on_error=0:log_path=$reports/report
  # Each new console writes the processor's table of decimals anew, with the numbers that others read in it meanwhile.
  echo 'race:^M6502::M6502' >"$reports.known"
  export TSAN_OPTIONS=exitcode=0:suppressions=$reports.known:log_path=$reports/report
  local test=(cargo +nightly test -Zbuild-std --release --target "$machine")
  "${test[@]}" -p kelvin-env
  "${test[@]}" -p kelvin-compute --lib --test kernels --test threads
  # With a driver that is not instrumented, whose threads would be taken for racing, and that keeps memory to its end.
  [[ $1 != address ]] ||
    KELVIN_REQUIRE_GPU_TESTS=1 ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 "${test[@]}" -p kelvin-compute --test gpu_twins
  if cat "$reports"/* 2>/dev/null | grep SUMMARY | grep -v "$known"; then
    echo "$1: the reports are in $reports" >&2
    return 1
  fi
  echo "$1: nothing new was found"
}

# The file by itself, for the crate around it brings wgpu along.
miri() {
  local crate=$folder/products
  mkdir -p "$crate/src"
  printf '[package]\nname = "products"\nedition = "2024"\n[workspace]\n[dependencies]\n%s\n' \
    "$(grep '^gemm = ' Cargo.toml)" >"$crate/Cargo.toml"
  printf '#![allow(dead_code)]\n#[path = "%s"]\nmod matmul;\n' "$repo/engine/compute/src/cpu/matmul.rs" >"$crate/src/lib.rs"
  CARGO_TARGET_DIR=$folder/miri MIRIFLAGS=-Zmiri-disable-isolation \
    cargo +nightly miri test --manifest-path "$crate/Cargo.toml" --lib
  echo "miri: nothing was found"
}

case ${1:-all} in
  address | thread) sanitize "$1" ;;
  miri) miri ;;
  all)
    (sanitize address)
    (sanitize thread)
    (miri)
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
