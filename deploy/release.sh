#!/usr/bin/env bash
# Builds the binaries of a release, static where the toolchain has the target, with checksums, manual
# pages and completions: deploy/release.sh [OUT]. What cannot be built here is named and left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-target/dist}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
installed=$(rustc --print target-libdir >/dev/null && ls "$(rustc --print sysroot)/lib/rustlib")
mkdir -p "$out"

# build TARGET: one archive, or a line that says why there is none.
build() {
  local target=$1 folder="thalweg-$version-$1"
  if ! grep -qx "$target" <<<"$installed"; then
    echo "SKIPPED: $target: its standard library is not installed (rustup target add $target)"
    return
  fi
  echo "building $target"
  if ! cargo build --release --locked --target "$target"; then
    echo "SKIPPED: $target: it does not build here; a linker for it may be missing"
    return
  fi
  rm -rf "${out:?}/$folder"
  mkdir -p "$out/$folder"
  cp "target/$target/release/thalweg" LICENSE-MIT LICENSE-APACHE README.md "$out/$folder/"
  if [ "$target" = "$(uname -m)-unknown-linux-musl" ] || [ "$target" = "$(uname -m)-unknown-linux-gnu" ]; then
    local own="$out/$folder/thalweg"
    "$own" man --out "$out/$folder/man" >/dev/null
    mkdir -p "$out/$folder/completions"
    for shell in bash zsh fish; do "$own" completions "$shell" >"$out/$folder/completions/thalweg.$shell"; done
  fi
  tar -C "$out" -czf "$out/$folder.tar.gz" "$folder"
  built+=("$folder.tar.gz")
}

built=()
for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do build "$target"; done
if [ "${#built[@]}" -eq 0 ]; then
  echo "no static target is installed: building for this machine, against its C library"
  build "$(rustc -vV | sed -n 's/^host: //p')"
fi
if [ "${#built[@]}" -eq 0 ]; then
  echo "nothing was built" >&2
  exit 1
fi
(cd "$out" && sha256sum "${built[@]}" | tee "thalweg-$version.sha256")
