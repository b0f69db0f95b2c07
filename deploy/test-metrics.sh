#!/usr/bin/env bash
# A real Prometheus over a real cluster: promtool checks the shipped configuration, and that every alert fires
# on the trouble it is for and on no other; the steady job is scraped while it trains, and the query of every panel and of every alert is run.
#
#   bash deploy/test-metrics.sh [BINARY]     target/release/thalweg if no other is named
#
# Prometheus comes from the Debian package, installed if this may be done; without it nothing is checked,
# and that is said aloud. It takes less than 90 seconds once Prometheus is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$(realpath "${1:-target/release/thalweg}")
readonly binary scrape_seconds=15
work=$(mktemp -d)
started=()

cleanup() {
  local pid
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in "${started[@]}"; do
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

skip() {
  echo
  echo "!!! SKIPPED: metrics in a real Prometheus. $1"
  exit 0
}

# The daemon of the package would scrape itself at the usual port: it is not wanted.
install_prometheus() {
  command -v apt-get >/dev/null || skip "There is no apt-get; install prometheus and promtool by hand."
  [ "$(id -u)" -eq 0 ] || skip "Only root may install the package prometheus; install it by hand."
  { timeout 120 apt-get update -qq \
    && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive timeout 240 \
      apt-get install -y -qq --no-install-recommends prometheus; } >"$work/apt.log" 2>&1 \
    || { tail -5 "$work/apt.log"; skip "The package prometheus cannot be installed."; }
}

command -v python3 >/dev/null || skip "It needs python3."
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
  install_prometheus
fi
[ -x "$binary" ] || { echo "no program at $binary; build it first: cargo build --release" >&2; exit 1; }

# The files of certificates are those of containers.
promtool check config --syntax-only deploy/prometheus/prometheus.yml
promtool check rules deploy/prometheus/alerts.yml
promtool test rules deploy/prometheus/alerts.test.yml

read -r first second web < <(python3 deploy/ports.py 1)
cp deploy/prometheus/alerts.yml "$work/"
sed "s/server-0:9600, server-1:9600/127.0.0.1:$first, 127.0.0.1:$second/" \
  deploy/prometheus/prometheus.yml | sed '/^ *\(scheme\|tls_config\|authorization\):/d' >"$work/prometheus.yml"
grep -q "127.0.0.1:$first" "$work/prometheus.yml" || {
  echo "deploy/prometheus/prometheus.yml: expected the targets 'server-0:9600, server-1:9600'" >&2
  exit 1
}

# Under SSP workers wait for one another: the slow one gives the others something to wait for.
"$binary" train steady -q --out "$work/run" --metrics "127.0.0.1:$first" \
  --set consistency.model=ssp --set consistency.lag=2 --straggler 1:3x >"$work/train.log" 2>&1 &
started+=($!)
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
  --web.listen-address="127.0.0.1:$web" >"$work/prometheus.log" 2>&1 &
started+=($!)

if ! timeout 75 python3 deploy/queries.py "http://127.0.0.1:$web" "$scrape_seconds"; then
  echo "--- the launcher said:"
  tail -5 "$work/train.log"
  echo "--- Prometheus said:"
  tail -5 "$work/prometheus.log"
  exit 1
fi
