#!/usr/bin/env bash
# The cluster of docs/OPERATIONS.md on several hosts without Docker: deploy/test-hosts.sh [BINARY]. Each host is a
# network namespace of this machine with an address, files and a certificate of its own; cables go to one switch.
# It looks that workers come before the servers and wait, that one joins by the line that a server prints, that who
# has no credentials is turned away, that a host whose cable is pulled is lost and nobody waits for it, and that all
# processes end by themselves, the trainer with 0. BINARY is target/release/thalweg if none is named. It needs root
# and namespaces; elsewhere it says so and ends with 0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$(realpath "${1:-target/release/thalweg}")
# As in the guide, but for a number that makes room for tests beside each other.
readonly net=10.$((77 + $$ % 100)) tag=tw$(($$ % 100000))
readonly servers=$net.0.1:7700,$net.0.2:7700
work=$(mktemp -d)
started=()

say() { printf -- '--- %s\n' "$*"; }

skip() {
  echo
  echo "!!! SKIPPED: the cluster on several hosts. $1"
  exit 0
}

fail() {
  echo "FAILED: $*" >&2
  tail -n 5 "$work"/*.out "$work"/*.err >&2 || true
  exit 1
}

cleanup() {
  local status=$? host
  trap - EXIT
  for host in "${started[@]}"; do kill "$host" 2>/dev/null || true; done
  for host in "${started[@]}"; do wait "$host" 2>/dev/null || true; done
  for host in switch 1 2 3 4; do ip netns delete "$tag-$host" 2>/dev/null || true; done
  rm -rf "$work"
  exit "$status"
}

# on HOST COMMAND...: in its network, and in its folder.
on() {
  local host=$1
  shift
  (cd "$work/$host" && exec ip netns exec "$tag-$host" "$@")
}

# begin NAME HOST COMMAND...: beside the others; what it says is in NAME.out and NAME.err.
begin() {
  local name=$1 host=$2
  shift 2
  (cd "$work/$host" && exec ip netns exec "$tag-$host" "$@") >"$work/$name.out" 2>"$work/$name.err" &
  started+=($!)
  pids[$name]=$!
}

# ended NAME SECONDS CODE: ends by itself within a time, with this code.
ended() {
  local code=0 until=$((SECONDS + $2))
  while kill -0 "${pids[$1]}" 2>/dev/null; do
    [ "$SECONDS" -lt "$until" ] || fail "$1 still runs after $2 s"
    sleep 0.2
  done
  wait "${pids[$1]}" || code=$?
  [ "$code" -eq "$3" ] || fail "$1 ended with $code, expected $3"
}

# wait_until SECONDS WHAT COMMAND...: polls, with a bound.
wait_until() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || fail "waited in vain for $what"
    sleep 0.2
  done
}

make_hosts() {
  local host
  ip netns add "$tag-switch"
  ip -n "$tag-switch" link add bridge type bridge
  ip -n "$tag-switch" link set bridge up
  for host in 1 2 3 4; do
    mkdir "$work/$host"
    ip netns add "$tag-$host"
    ip -n "$tag-$host" link add cable type veth peer name "port$host" netns "$tag-switch"
    ip -n "$tag-switch" link set "port$host" master bridge
    ip -n "$tag-switch" link set "port$host" up
    ip -n "$tag-$host" address add "$net.0.$host/24" dev cable
    ip -n "$tag-$host" link set cable up
    ip -n "$tag-$host" link set lo up
  done
}

is_training() { grep -q '"examples": *[1-9]' "$work/4/run/metrics.jsonl"; }

# The log of server 0 or its status says so.
is_lost() { on 4 "$binary" status "$servers" --certs admin | grep -q 'gave no sign of life'; }

[ -x "$binary" ] || { echo "no program at $binary; build it first: cargo build --release" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || skip "Only root may make namespaces."
command -v ip >/dev/null || skip "There is no 'ip'; it is in the package iproute2."
ip netns add "$tag-probe" 2>/dev/null || skip "This kernel, or this container, makes no network namespaces."
ip netns delete "$tag-probe"
declare -A pids
trap cleanup EXIT
trap 'exit 130' INT TERM
make_hosts
began=$SECONDS

say "four hosts, certificates, a job"
(cd "$work/1" && "$binary" certs >/dev/null
  "$binary" check steady --set cluster.workers=3 --set data.rows=60000 --set limits.lease_seconds=3 >job.toml)
cp -r "$work/1/certs/server" "$work/1/job.toml" "$work/2/"
cp -r "$work/1/certs/worker" "$work/2/"
cp "$work/1/certs/worker/token" "$work/3/worker.token"
cp -r "$work/1/certs/admin" "$work/4/"

say "a worker that comes first waits"
begin worker-a 2 "$binary" worker --join "$servers" --certs worker
wait_until 10 "a word of whom it waits for" grep -q "waiting for it" "$work/worker-a.err"

say "servers without certificates do not listen here"
if on 1 "$binary" server job.toml --listen "$net.0.1:7700" >"$work/open.out" 2>"$work/open.err"; then
  fail "a server listens in the open"
fi
grep -q -- "--certs FOLDER" "$work/open.err" || fail "it does not say what to do"

begin server-0 1 "$binary" server job.toml --index 0 --listen "$net.0.1:7700" --certs certs/server
begin server-1 2 "$binary" server job.toml --index 1 --listen "$net.0.2:7700" --certs server
wait_until 15 "the line to paste" grep -q '^workers on other machines: ' "$work/server-0.out"
line=$(sed -n 's/^workers on other machines: thalweg //p' "$work/server-0.out")
line=${line/SERVER-1:PORT/$net.0.2:7700}
say "host 3 joins by it: thalweg $line"
# shellcheck disable=SC2086  # words of a command line
begin worker-c 3 "$binary" $line
begin worker-b 2 "$binary" worker --join "$servers" --certs worker
begin trainer 4 "$binary" train --join "$servers" --certs admin --quiet --out run

say "who shows nothing, or speaks in the open, is turned away"
for shown in "" "--insecure"; do
  # shellcheck disable=SC2086
  if on 3 "$binary" status "$net.0.1:7700" $shown >"$work/status.out" 2>"$work/status.err"; then
    fail "the status is told to whoever asks ($shown)"
  fi
done
wait_until 30 "a job that trains" is_training

say "the cable of host 3 is pulled"
ip -n "$tag-switch" link set port3 down
wait_until 20 "a worker that is lost" is_lost
ended trainer 90 0
ended worker-a 20 0
ended worker-b 20 0
ended server-0 30 0
ended server-1 30 0
grep -q '"status": "done"' "$work/4/run/report.json" || fail "the report does not say that the job is done"
grep -q '"complete": true' "$work/4/run/report.json" || fail "not every row was used exactly once"
say "several hosts: passed in $((SECONDS - began)) s"
