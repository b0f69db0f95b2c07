#!/usr/bin/env bash
# The status page of a real job in a real browser, headless Chromium: it shows the job, its curves grow, it follows light
# and dark, fits a phone, asks no other host, takes hostile names as text, and says when the server is gone.
#
#   bash deploy/test-page.sh [BINARY [FOLDER]]     target/release/thalweg; screenshots go to FOLDER, if one is named
#
# Chromium comes from the Debian package, installed if this may be done; without it nothing is looked at, and that is
# said aloud. It takes less than 40 seconds once Chromium is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$(realpath "${1:-target/release/thalweg}")
pictures=${2:-}
readonly binary pictures
work=$(mktemp -d)
train=

cleanup() {
  if [ -n "$train" ]; then
    kill "$train" 2>/dev/null || true
    wait "$train" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT

skip() {
  echo
  echo "!!! SKIPPED: the status page in a real browser. $1"
  exit 0
}

install_chromium() {
  command -v apt-get >/dev/null || skip "There is no apt-get; install Chromium by hand."
  [ "$(id -u)" -eq 0 ] || skip "Only root may install the package chromium; install it by hand."
  { timeout 120 apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive timeout 300 \
      apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >"$work/apt.log" 2>&1 \
    || { tail -5 "$work/apt.log"; skip "The package chromium cannot be installed."; }
}

command -v python3 >/dev/null || skip "It needs python3."
chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ]; then
  install_chromium
  chromium=$(command -v chromium) || skip "The package has no program chromium."
fi
[ -x "$binary" ] || { echo "no program at $binary; build it first: cargo build --release" >&2; exit 1; }

read -r first second < <(python3 deploy/ports.py)
# Under SSP workers wait for one another: the slow one gives the others something to wait for.
"$binary" train steady -q --out "$work/run" --metrics "127.0.0.1:$first" --set evaluate.every=0.002 \
  --set consistency.model=ssp --set consistency.lag=2 --latency 1ms --straggler 1:3x >"$work/train.log" 2>&1 &
train=$!

if ! timeout 60 python3 deploy/page.py "$chromium" "http://127.0.0.1:$first/" "http://127.0.0.1:$second/" \
  "$train" "$work"; then
  echo "--- the launcher said:"
  tail -5 "$work/train.log"
  echo "--- the browser said:"
  tail -5 "$work/browser.log" 2>/dev/null || true
  [ -z "$pictures" ] || { mkdir -p "$pictures" && cp "$work"/*.png "$pictures/" 2>/dev/null || true; }
  exit 1
fi
if [ -n "$pictures" ]; then
  mkdir -p "$pictures"
  cp "$work"/{light,dark,phone,lost}.png "$pictures/"
fi
