#!/usr/bin/env bash
# Runs the cluster of deploy/docker-compose.yml in real containers, on an image that is made without a
# registry: deploy/test-compose.sh [BINARY]. It looks that the default job reaches its known loss and `up`
# ends with 0, that a job that is wrong ends otherwise, that a job goes on without a worker that is killed, and that
# the profile `watch` shows a job and stays when it ends; stress.sh has what comes back. BINARY is
# target/release/thalweg if none is named. Where containers cannot be run it says so and ends with 0. What it
# made is removed, however it ends.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:-$deploy/../target/release/thalweg}

subject="the compose cluster"
# One `up`: several times what the longest here takes on two busy cores.
up_seconds=150
# shellcheck source=deploy/cluster.bash
source "$deploy/cluster.bash"

# How the last run ended. The report is JSON with two blanks a level; `jq` is not everywhere.
status_of_run() { sed -n 's/^  "status": "\(.*\)",*$/\1/p' "$THALWEG_RUNS/latest/report.json"; }

# The log loss of its final parameters on the test data.
log_loss_of_run() {
  awk '/^  "final":/ { final = 1 } final && /^    "test":/ { test = 1 }
    test && /"log_loss":/ { gsub(/[^0-9.e-]/, "", $2); print $2; exit }' "$THALWEG_RUNS/latest/report.json"
}

is_training() { [ -s "$THALWEG_RUNS/latest/metrics.jsonl" ]; }

check_the_default_job() {
  say "the default job: 2 servers, 4 workers"
  local code=0 loss
  use_runs default
  compose up "${to_the_end[@]}" >"$scratch/default.log" 2>&1 || code=$?
  if [ "$code" -ne 0 ]; then
    cat "$scratch/default.log" >&2
    fail "'up' ended with $code, expected 0"
  fi
  [ "$(status_of_run)" = "done" ] || fail "the report says '$(status_of_run)', expected 'done'"
  loss=$(log_loss_of_run)
  awk -v loss="$loss" 'BEGIN { exit !(loss > 0.495 && loss < 0.503) }' \
    || fail "the test log loss is '$loss', expected 0.499, give or take 0.004"
  [ "$(stat -c %u "$THALWEG_RUNS/latest/report.json")" = "$THALWEG_UID" ] \
    || fail "the report does not belong to the user $THALWEG_UID"
  [ -z "$(containers prometheus)$(containers grafana)" ] || fail "the profile 'watch' runs and was not asked for"
  say "done, test log loss $loss"
}

check_a_wrong_job() {
  say "a job with a wrong setting"
  local code=0
  use_runs wrong
  THALWEG_SETTINGS="--set optimizer.lr=-1" \
    compose up "${to_the_end[@]}" >"$scratch/wrong.log" 2>&1 || code=$?
  [ "$code" -ne 0 ] || fail "'up' ended with 0 for a job that is refused"
  compose logs --no-color server-0 >"$scratch/wrong.log" 2>&1
  grep -q 'optimizer.lr' "$scratch/wrong.log" || fail "the log of server-0 does not name the wrong setting"
  say "ended with $code; server-0 says $(grep -om 1 '[^|]*optimizer.lr.*' "$scratch/wrong.log" | cut -c 1-120)"
}

# A lease of 3 s instead of 10: the test need not wait longer for what does not hang on its length.
check_a_lost_worker() {
  say "a worker that is killed, and does not come again"
  local code=0 killed
  use_runs lost
  export THALWEG_JOB=steady
  export THALWEG_SETTINGS="--set data.rows=60000 --set limits.lease_seconds=3"
  # Not by the function: the process that is waited for, and ended on failure, is to be this very one.
  "${bounded[@]}" up "${to_the_end[@]}" >"$scratch/lost.log" 2>&1 &
  running=$!
  wait_until 60 "a job that trains" is_training
  killed=$(containers worker | sed -n 1p)
  docker kill "$killed" >/dev/null
  wait "$running" || code=$?
  running=""
  if [ "$code" -ne 0 ]; then
    cat "$scratch/lost.log" >&2
    fail "'up' ended with $code, expected 0"
  fi
  [ "$(status_of_run)" = "done" ] || fail "the report says '$(status_of_run)', expected 'done'"
  grep -q '"complete": true' "$THALWEG_RUNS/latest/report.json" || fail "not every row was used exactly once"
  [ "$(docker inspect -f '{{.State.ExitCode}} {{.RestartCount}}' "$killed")" = "137 0" ] \
    || fail "the worker that was killed: expected exit code 137 and no restart"
  say "done without it, every row once"
  unset THALWEG_JOB THALWEG_SETTINGS
}

# As OPERATIONS.md has it where there is no Grafana: Prometheus by its name. Port 0 is any that is free.
check_watching() {
  local url code seen began_at prometheus
  say "Prometheus beside the steady job, which it outlives"
  if ! command -v python3 >/dev/null; then missed "watching by Prometheus. It needs python3."; return; fi
  python3 "$deploy/watch.py" files || fail "the files of the profile 'watch' do not fit together"
  if ! docker image inspect "$THALWEG_PROMETHEUS_IMAGE" >/dev/null 2>&1; then
    missed "watching by Prometheus. There is no image of Prometheus: the Debian package cannot be fetched."
    return
  fi
  use_runs watched
  export THALWEG_JOB=steady THALWEG_SETTINGS="--set data.rows=60000" THALWEG_PROMETHEUS_PORT=0
  compose up --detach trainer prometheus >"$scratch/watched.log" 2>&1 \
    || fail "'up --detach' failed: $(cat "$scratch/watched.log")"
  prometheus=$(containers prometheus)
  url=http://$(docker port "$prometheus" 9090)
  seen=$(python3 "$deploy/watch.py" rising "$url" 30) \
    || fail "Prometheus does not show the job: $(docker logs "$prometheus" 2>&1 | tail -n 5)"
  code=$(timeout 60 docker wait "$(containers trainer)") || fail "the trainer did not end within 60 s"
  [ "$code" = 0 ] || fail "the trainer ended with $code, expected 0"
  python3 "$deploy/watch.py" kept "$url" "$seen" || fail "Prometheus did not outlive the job"

  # And the next job, with an `up` that ends with its trainer.
  began_at=$(docker inspect -f '{{.State.StartedAt}}' "$prometheus") code=0
  THALWEG_SETTINGS="--set data.rows=6000" \
    compose up "${to_the_end[@]}" >"$scratch/watched.log" 2>&1 || code=$?
  [ "$code" -eq 0 ] || fail "'up' beside Prometheus ended with $code, expected 0"
  [ "$(docker inspect -f '{{.State.Running}} {{.State.StartedAt}}' "$prometheus")" = "true $began_at" ] \
    || fail "the end of a job ended Prometheus"
  compose --profile watch rm --stop --force -v prometheus >/dev/null 2>&1 || fail "Prometheus cannot be removed"
  say "Prometheus saw it, and still runs after two jobs"
  unset THALWEG_JOB THALWEG_SETTINGS THALWEG_PROMETHEUS_PORT
}

# What is done stays done: nothing starts again behind the back of who looks elsewhere.
check_that_nothing_restarts() {
  sleep 2
  local left
  left=$(docker ps --quiet --filter "label=com.docker.compose.project=$project")
  [ -z "$left" ] || fail "the job is done, and these still run: $left"
  say "nothing runs any more"
}

prepare_cluster thalweg-test
to_the_end=(--exit-code-from trainer trainer)
began=$SECONDS
check_the_default_job
check_that_nothing_restarts
check_a_wrong_job
check_a_lost_worker
check_watching
check_that_nothing_restarts
say "compose cluster: passed in $((SECONDS - began)) s"
