#!/usr/bin/env bash
# Makes the image of the compose cluster where no image registry can be reached:
# deploy/offline-images.sh [BINARY]. BINARY is target/release/thalweg if none is named, and THALWEG_IMAGE
# what the image is called, `thalweg` if it is not set. The base image is empty but for the libraries of
# this machine that the binary loads, so that the two fit; a static binary needs none.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:-$deploy/../target/release/thalweg}
image=${THALWEG_IMAGE:-thalweg}
base=thalweg-base

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
context=$scratch/context
mkdir "$context"
install -m 0755 "$binary" "$context/thalweg"
# Names of source lines are half of the file and are only read by a debugger.
if command -v strip >/dev/null; then strip --strip-debug "$context/thalweg"; fi

"$deploy/rootfs.sh" "$context/thalweg" "$scratch/rootfs"
rm "$scratch/rootfs/usr/local/bin/thalweg"
libraries=$(cd "$scratch/rootfs" && find . -name '*.so*' | sed 's,^\.,,' | sort)
# Owned by root whoever runs this script, or the user of the image could change what it runs.
tar -C "$scratch/rootfs" --owner=0 --group=0 --numeric-owner -c . | docker import - "$base" >/dev/null
docker build --quiet --target packed --build-arg "BASE=$base" -t "$image" \
  -f "$deploy/Dockerfile" "$context" >/dev/null 2>"$scratch/said" || { cat "$scratch/said" >&2; exit 1; }

contents=${libraries//$'\n'/, }
size=$(docker image inspect -f '{{.Size}}' "$image" | awk '{printf "%.0f MB", $1 / 1e6}')
echo "made the image $base: a user, and ${contents:-no library, as the binary is static}"
echo "made the image $image: $(docker run --rm "$image" --version) of $binary, $size"
echo "not to be had without a registry: an image with Rust, so that nothing can be built inside Docker here"
