# What test-compose.sh and stress.sh have in common, which source it: a cluster of deploy/docker-compose.yml in
# real containers, on images that are made without a registry. They set `deploy`, `binary`, `subject` (what is
# skipped where containers cannot be run) and `up_seconds` (the bound of one call of Compose), and call
# `prepare_cluster`, which sets `project`, `scratch`, `bounded` and, for the `up` that runs beside, `running`.
# shellcheck shell=bash disable=SC2154,SC2034

# What a test says of itself is read by people who wonder which step hangs.
say() { printf -- '--- %s\n' "$*"; }

skip() {
  echo
  echo "!!! SKIPPED: $subject. $*"
  exit 0
}

# Part of the test cannot be done here; the rest goes on.
missed() {
  echo
  echo "!!! SKIPPED: $*"
  echo
}

fail() {
  echo "FAILED: $*" >&2
  echo "what the processes said:" >&2
  compose logs --no-color 2>/dev/null | tail -n 60 >&2 || true
  exit 1
}

find_compose() {
  if docker compose version >/dev/null 2>&1; then
    command=(docker compose)
  elif docker-compose version >/dev/null 2>&1; then
    command=(docker-compose)
  else
    skip "There is neither 'docker compose' nor 'docker-compose'."
  fi
}

# Some engines answer and can do nothing: inside another container, or on a kernel without the modules. An
# image that does not run is another matter, and no reason to skip: 125 is the engine's own failure.
probe_engine() {
  local code=0
  timeout 60 docker run --rm --read-only --cap-drop ALL "$THALWEG_IMAGE" check >/dev/null 2>"$scratch/said" \
    || code=$?
  if [ "$code" -eq 125 ]; then skip "The engine cannot run a container: $(tail -n 1 "$scratch/said")"; fi
  [ "$code" -eq 0 ] || fail "the image does not run, exit code $code: $(cat "$scratch/said")"
  if ! timeout 60 docker network create --internal "$project-probe" >/dev/null 2>"$scratch/said"; then
    skip "The engine cannot make a network: $(tail -n 1 "$scratch/said")"
  fi
  docker network rm "$project-probe" >/dev/null
}

compose() { "${bounded[@]}" "$@"; }

clean() {
  local status=$?
  trap - EXIT
  # Or it would start again what is removed here.
  if [ -n "$running" ]; then
    kill "$running" 2>/dev/null || true
    wait "$running" || true
  fi
  # A paused container cannot be removed.
  docker ps --quiet --filter status=paused --filter "label=com.docker.compose.project=$project" \
    | xargs -r docker unpause >/dev/null 2>&1 || true
  compose --profile watch down --volumes --timeout 5 >/dev/null 2>&1 || true
  docker image rm "$THALWEG_IMAGE" "$THALWEG_PROMETHEUS_IMAGE" >/dev/null 2>&1 || true
  # Files in it may belong to another user where an engine maps users.
  rm -rf "$scratch"
  exit "$status"
}

# containers SERVICE [FILTER]: those of a service, running or not.
containers() {
  docker ps --all --quiet --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.service=$1" ${2:+--filter "$2"}
}

# Kills what a container runs by its own hand, as one that runs out of memory: the engine starts it again,
# which it does not after `docker kill`.
kill_within() { kill -KILL "$(pgrep -P "$(docker inspect -f '{{.State.Pid}}' "$1")")"; }

# Every test has runs of its own, so that it does not look at the last one's.
use_runs() {
  export THALWEG_RUNS=$scratch/$1
  mkdir "$THALWEG_RUNS"
  if [ "$(id -u)" -eq 0 ]; then chown "$THALWEG_UID:$THALWEG_GID" "$THALWEG_RUNS"; fi
}

# wait_until SECONDS WHAT COMMAND...: polls, with a bound.
wait_until() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || fail "waited in vain for $what"
    sleep 0.3
  done
}

# prepare_cluster NAME: images and all, or the end with the reason.
prepare_cluster() {
  command=() running=""
  if ! command -v docker >/dev/null; then skip "There is no 'docker'."; fi
  if ! timeout 20 docker version >/dev/null 2>&1; then skip "No Docker Engine answers 'docker version'."; fi
  find_compose
  project=$1-$$
  export THALWEG_IMAGE=$1-$$ THALWEG_PROMETHEUS_IMAGE=$1-$$-prometheus
  scratch=$(mktemp -d)
  # In the foreground, so that Ctrl-C reaches it too.
  bounded=(timeout --foreground --kill-after=30 "$up_seconds" "${command[@]}" -p "$project"
    -f "$deploy/docker-compose.yml")
  trap clean EXIT
  trap 'exit 130' INT TERM
  # As a user who is not root, also where root runs the test: it finds what only root may.
  export THALWEG_UID=1000 THALWEG_GID=1000
  chmod 0755 "$scratch"
  if [ "$(id -u)" -ne 0 ]; then THALWEG_UID=$(id -u) THALWEG_GID=$(id -g); fi
  say "'${command[*]}' $("${command[@]}" version --short)"
  "$deploy/offline-images.sh" "$binary"
  probe_engine
  compose config --quiet
}
