#!/usr/bin/env bash
# Kills, pauses and cuts off workers and servers of the cluster of deploy/docker-compose.yml while it trains the job
# `steady`: deploy/stress.sh [--short] [BINARY]. It looks that the job ends by itself with its target reached and every
# row used exactly once, and prints how long it took until the other workers were as fast as before each fault, and all
# of them after a server's. 20 faults of workers, 5 restarts of servers, a pause and a cut of server 0 under asp, and as
# many under ssp, about 18 minutes; with --short fewer, and under ssp alone, about two minutes. Where the kernel has
# netem, links between containers are slow as well. BINARY is target/release/thalweg if none is named. Where
# containers cannot be run it says so and ends with 0. What it made is removed, however it ends.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

faults=20
server_kinds=(die cut kill pause die kill die)
models=(asp ssp)
if [ "${1:-}" = --short ]; then
  faults=4 server_kinds=(die cut) models=(ssp)
  shift
fi
binary=${1:-$deploy/../target/release/thalweg}
server_faults=${#server_kinds[@]}

# The other workers must be as fast as before within this, seconds after a fault.
readonly back_seconds=5
# And all of them after the fault of a server, which takes them all along.
readonly server_back_seconds=20
# How long a pause and a cut last: longer than the lease, so that the servers give the worker up.
readonly away_seconds=6 lease_seconds=3
# Until what was away has returned and trains: as long the others' throughput is looked at.
readonly felt_seconds=$((away_seconds + 3))
# How long a server is away that is killed through the engine, and started again by hand.
readonly server_away_seconds=2
# What a server may lose when it is killed, seconds.
readonly checkpoint_seconds=5
# Samples of a second each by which the throughput before a fault is told.
readonly before=4
# The share of the throughput before a fault that counts as back, in percent.
readonly back_percent=80
# Of examples a second with four workers, and what a fault with all that belongs to it takes.
readonly examples_per_second=6000 fault_seconds=16
# The final test loss: one of 0.69 is guessing.
readonly target_loss=0.6
# One way, by netem.
readonly delay=5ms

subject="stress over the compose network"
# Several times what a job here takes.
up_seconds=$((300 + (faults + server_faults) * 40))
# shellcheck source=deploy/cluster.bash
source "$deploy/cluster.bash"

workers() { containers worker status=running; }

# The slot that a container's worker has, or had last.
slot_of() { docker logs "$1" 2>&1 | sed -n 's/^worker \([0-9]*\) of job.*/\1/p' | tail -n 1; }

metrics() { printf '%s' "$THALWEG_RUNS/latest/metrics.jsonl"; }
samples() { python3 "$deploy/stress.py" samples "$(metrics)"; }
rate() { python3 "$deploy/stress.py" rate "$(metrics)" "$1" "$2"; }

is_over() { ! kill -0 "$running" 2>/dev/null; }
has_samples() { [ "$(samples)" -ge "$1" ]; }
are_all_there() { [ "$(workers | wc -l)" -eq 4 ]; }

# has_all COMMAND...: whether all of them are there. 'command -v' itself is content with one.
has_all() {
  local name
  for name in "$@"; do command -v "$name" >/dev/null || return 1; done
}

# Whether the kernel can delay packets between containers. In a network of its own, which nobody sees.
probe_netem() {
  has_netem=false
  if [ "$(id -u)" -ne 0 ] || ! has_all unshare nsenter tc ip; then
    say "netem: not probed, it takes root, 'unshare', 'nsenter', 'tc' and 'ip'"
  elif unshare --net tc qdisc add dev lo root netem delay 1ms 2>"$scratch/said"; then
    has_netem=true
    say "netem: this kernel has it"
  else
    missed "latency between containers: this kernel has no netem ($(tail -n 1 "$scratch/said"))." \
      "'thalweg stress' makes latency by its proxy."
  fi
}

# Slows down what the workers send, and reads it back before it says so. One that came again has a link of its own, and
# is slowed down as well.
slow_links() {
  local pid device shown slowed=0
  [ "$has_netem" = true ] || return 0
  for pid in $(workers | xargs -r docker inspect -f '{{.State.Pid}}'); do
    for device in $(nsenter -t "$pid" -n ip -o link show type veth | sed 's/^[0-9]*: \([^@:]*\).*/\1/'); do
      nsenter -t "$pid" -n tc qdisc replace dev "$device" root netem delay "$delay"
      shown=$(nsenter -t "$pid" -n tc qdisc show dev "$device")
      # Some versions of tc print 5.0ms for 5ms.
      [[ $shown =~ netem.*delay\ ${delay%ms}(\.0+)?ms ]] \
        || fail "the link $device of a worker was to be slow by $delay, and is: $shown"
      slowed=$((slowed + 1))
    done
  done
  [ "$slowed" -gt 0 ] || fail "the workers have no links that could be slowed"
  [ "$said_slow" = true ] || say "netem: what workers send takes $delay longer, on $slowed links"
  said_slow=true
}

service_of() { docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$1"; }

# Does it to a container. What brings it back runs beside, as an operator's tools would: nobody waits for it.
inflict() {
  local kind=$1 victim=$2 away=$3
  case $kind in
    # The engine starts no container again that was killed through it.
    kill) docker kill "$victim" >/dev/null; later "$away" docker start "$victim" ;;
    die) kill_within "$victim" ;;
    pause) docker pause "$victim" >/dev/null; later "$away" docker unpause "$victim" ;;
    cut)
      docker network disconnect --force "$network" "$victim"
      # Its service's name is how the others find it.
      later "$away" docker network connect --alias "$(service_of "$victim")" "$network" "$victim"
      ;;
  esac
}

# later SECONDS COMMAND...: does it when the fault has lasted.
later() { (sleep "$1" && "${@:2}" >/dev/null 2>&1 || true) & }

# strike NUMBER KIND: one fault of a worker, which is drawn. Prints how long the others took until they were as
# fast as before.
strike() {
  local victim slot
  wait_until 60 "four workers" are_all_there
  slow_links
  victim=$(workers | sed -n "$((RANDOM % 4 + 1))p")
  slot=$(slot_of "$victim")
  [ -n "$slot" ] || fail "the log of $victim does not say which worker it is"
  measure "fault $1: $2 worker $slot; the others" "$slot" inflict "$2" "$victim" "$away_seconds"
  times+=("$took")
}

# strike_server NUMBER KIND: kills a server, which is drawn, and looks that it returned from a checkpoint; or pauses or
# cuts off server 0, from which all workers get their data, for longer than the lease.
strike_server() {
  local server=$((RANDOM % 2)) away=$server_away_seconds victim returns
  case $2 in pause | cut) server=0 away=$away_seconds ;; esac
  victim=$(containers "server-$server")
  returns=$(returns_of "$victim")
  wait_until 60 "four workers" are_all_there
  measure "fault $1 of a server: $2 server $server; all workers" none inflict "$2" "$victim" "$away"
  server_times+=("$took")
  case $2 in
    kill | die) [ "$(returns_of "$victim")" -gt "$returns" ] || fail "server $server did not return from a checkpoint" ;;
    *) [ "$(returns_of "$victim")" -eq "$returns" ] || fail "server $server ended when it was to be away" ;;
  esac
}

# How often the server in a container said that it returns from a checkpoint.
returns_of() { docker logs "$1" 2>&1 | grep -c '^server [01] returns (' || true; }

# measure WORDS SLOT COMMAND...: how long all workers but that of the slot take until they are as fast as before.
measure() {
  local words=$1 slot=$2 usual wanted since
  shift 2
  wait_until 60 "samples" has_samples "$(($(samples) + before))"
  usual=$(rate "$slot" "$before") since=$(python3 "$deploy/stress.py" now "$(metrics)")
  wanted=$((usual * back_percent / 100))
  "$@"
  took=$(python3 "$deploy/stress.py" back "$(metrics)" "$slot" "$since" "$wanted" "$felt_seconds" 60 2>&1) \
    || fail "after $words made no $wanted examples/s again: $took"
  if is_over; then fail "the job was over before $words were struck: give it more rows"; fi
  say "$words $usual examples/s before, back after $took s"
}

# All faults, those of servers among those of workers. Each kind comes once before any comes again.
strike_all() {
  local number kinds=(kill die pause cut) struck=0
  times=() server_times=()
  for number in $(seq "$faults"); do
    strike "$number" "${kinds[(number - 1) % ${#kinds[@]}]}"
    if [ $((number * server_faults / faults)) -gt "$struck" ]; then
      strike_server $((struck + 1)) "${server_kinds[struck]}"
      struck=$((struck + 1))
    fi
  done
}

# check_times WHO BOUND SECONDS...: the longest, which may not be longer than the bound.
check_times() {
  local longest
  longest=$(printf '%s\n' "${@:3}" | sort -n | tail -n 1)
  say "$1 were back after $longest s at the latest"
  awk -v longest="$longest" -v bound="$2" 'BEGIN { exit !(longest <= bound) }' \
    || fail "$1 were back after $longest s, expected $2 s"
}

# run_job MODEL: the job with its faults, to its end.
run_job() {
  local model=$1 code=0 rows judged lag=""
  rows=$(((faults + server_faults + 2) * fault_seconds * examples_per_second))
  say "the job steady under $model, $rows rows: $faults faults of workers, $server_faults of servers"
  use_runs "$model"
  [ "$model" != ssp ] || lag="--set consistency.lag=3"
  THALWEG_SETTINGS="--set data.rows=$rows --set consistency.model=$model $lag"
  THALWEG_SETTINGS+=" --set limits.lease_seconds=$lease_seconds --set limits.heartbeat_seconds=0.5"
  THALWEG_SETTINGS+=" --set checkpoint.every_seconds=$checkpoint_seconds"
  export THALWEG_SETTINGS THALWEG_JOB=steady
  # Not by the function: the process that is waited for, and ended on failure, is to be this very one.
  "${bounded[@]}" up --exit-code-from trainer trainer >"$scratch/$model.log" 2>&1 &
  running=$!
  wait_until 60 "a job that trains" has_samples 2
  network=$(docker network ls --quiet --filter "label=com.docker.compose.project=$project" --filter name=_cluster)
  strike_all
  wait "$running" || code=$?
  running=""
  if [ "$code" -ne 0 ]; then
    tail -n 60 "$scratch/$model.log" >&2
    fail "'up' ended with $code, expected 0"
  fi
  judged=$(python3 "$deploy/stress.py" judge "$THALWEG_RUNS/latest/report.json" "$target_loss" 2>&1) \
    || fail "the job did not end as it should have: $judged"
  say "$judged"
  check_times "the others" "$back_seconds" "${times[@]}"
  check_times "all workers, with the server," "$server_back_seconds" "${server_times[@]}"
  compose down --volumes --timeout 5 >/dev/null 2>&1 || true
}

if ! command -v python3 >/dev/null; then skip "It needs python3."; fi
prepare_cluster thalweg-stress
network="" took="" said_slow=false
# Who is hit is drawn, and the same in every run.
RANDOM=1
probe_netem
began=$SECONDS
for model in "${models[@]}"; do run_job "$model"; done
say "stress over the compose network: passed in $((SECONDS - began)) s"
