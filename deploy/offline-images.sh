#!/usr/bin/env bash
# Makes the image of the compose cluster where no image registry can be reached:
# deploy/offline-images.sh [BINARY]. BINARY is target/release/thalweg if none is named, and THALWEG_IMAGE
# what the image is called, `thalweg` if it is not set. It begins with the empty image and takes the libraries
# that the binary loads from this machine, so that the two fit; a static binary needs none.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:-$deploy/../target/release/thalweg}
image=${THALWEG_IMAGE:-thalweg}

if [ ! -x "$binary" ]; then
  echo "$binary: expected the built program, found none; build it with 'cargo build --release', or name" \
    "one: deploy/offline-images.sh BINARY" >&2
  exit 1
fi
if ! docker version >/dev/null; then
  echo "no Docker Engine answers: start it, or join the group that may use its socket" >&2
  exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$deploy/rootfs.sh" "$binary" "$scratch/rootfs"

if ! docker build --target packed --build-arg ROOTFS=. -t "$image" -f "$deploy/Dockerfile" "$scratch/rootfs" \
  >"$scratch/said" 2>&1; then
  cat "$scratch/said" >&2
  exit 1
fi

libraries=$(cd "$scratch/rootfs" && find . -name "*.so*" -type f | cut -c 2- | sort | paste -sd " ")
size=$(docker image inspect -f '{{.Size}}' "$image" | awk '{printf "%.0f MB", $1 / 1e6}')
echo "made the image $image, $size: $("$binary" --version) of $binary,"
echo "  on the empty image, with ${libraries:-no library, as the binary is static}"
echo "not to be had without a registry: an image with Rust, so that nothing is built inside Docker here"
