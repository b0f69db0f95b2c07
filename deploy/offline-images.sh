#!/usr/bin/env bash
# Makes the images of the compose cluster where no image registry can be reached:
# deploy/offline-images.sh [BINARY]. BINARY is target/release/thalweg if none is named, and THALWEG_IMAGE
# what the image is called, `thalweg` if it is not set. It begins with the empty image and takes the libraries
# that the binary loads from this machine, so that the two fit; a static binary needs none.
# Prometheus comes from the Debian package in the same way, as THALWEG_PROMETHEUS_IMAGE, or
# `thalweg-prometheus`. What cannot be had is said, and is no failure: the cluster runs without it.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:-$deploy/../target/release/thalweg}
image=${THALWEG_IMAGE:-thalweg}
prometheus_image=${THALWEG_PROMETHEUS_IMAGE:-thalweg-prometheus}

# build IMAGE FOLDER FLAG...: the folder as an image, quietly unless it fails.
build() {
  local image=$1 folder=$2
  shift 2
  if ! docker build -t "$image" "$@" "$folder" >"$scratch/said" 2>&1; then
    cat "$scratch/said" >&2
    exit 1
  fi
}

size() { docker image inspect -f '{{.Size}}' "$1" | awk '{printf "%.0f MB", $1 / 1e6}'; }

# Fetches the package, and those that its pages in the browser are made of, into $scratch/debian. Nothing is
# installed: the package would start a daemon.
fetch_prometheus() {
  local packages package
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  mapfile -t packages < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances prometheus 2>/dev/null | grep -E '^(prometheus|(libjs|fonts)-.*)$')
  [ "${#packages[@]}" -gt 0 ] || return 1
  mkdir "$scratch/packages"
  (cd "$scratch/packages" && timeout 120 apt-get download -qq "${packages[@]}") || return 1
  for package in "$scratch/packages"/*.deb; do
    dpkg-deb -x "$package" "$scratch/debian" || return 1
  done
}

# As the official image: begins with the program, and has /prometheus for data, which who it runs as may write.
pack_prometheus() {
  local root=$scratch/prometheus folder
  "$deploy/rootfs.sh" "$scratch/debian/usr/bin/prometheus" "$root" prometheus
  mkdir -p "$root/usr/share" "$root/etc/prometheus"
  for folder in prometheus javascript fonts-glyphicons nodejs; do
    if [ -d "$scratch/debian/usr/share/$folder" ]; then
      cp -a "$scratch/debian/usr/share/$folder" "$root/usr/share/"
    fi
  done
  # The sources of the time zones, which no page loads, are three quarters of it all.
  rm -rf "$root/usr/share/javascript/moment-timezone/data"
  install -d -m 1777 "$root/prometheus"
  printf '%s\n' "FROM scratch" "COPY . /" "USER 65534:65534" 'ENTRYPOINT ["prometheus"]' >"$scratch/Dockerfile"
  build "$prometheus_image" "$root" -f "$scratch/Dockerfile"
}

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

build "$image" "$scratch/rootfs" --target packed --build-arg ROOTFS=. -f "$deploy/Dockerfile"
libraries=$(cd "$scratch/rootfs" && find . -name "*.so*" -type f | cut -c 2- | sort | paste -sd " ")
echo "made the image $image, $(size "$image"): $("$binary" --version) of $binary,"
echo "  on the empty image, with ${libraries:-no library, as the binary is static}"

if fetch_prometheus >"$scratch/fetched" 2>&1; then
  pack_prometheus
  version=$(dpkg-deb -f "$scratch"/packages/prometheus_*.deb Version)
  echo "made the image $prometheus_image, $(size "$prometheus_image"): Prometheus of Debian, $version; use it by"
  echo "  export THALWEG_PROMETHEUS_IMAGE=$prometheus_image"
else
  tail -n 3 "$scratch/fetched"
  echo "NOT MADE: an image of Prometheus. The Debian package prometheus cannot be fetched here ('apt-get update'"
  echo "  may help): the cluster runs, and nobody can watch it but by 'thalweg status'"
fi
echo "not to be had without a registry: an image with Rust, so that nothing is built inside Docker here; and"
echo "  Grafana, which Debian does not have: of the profile 'watch' name the service 'prometheus' alone"
