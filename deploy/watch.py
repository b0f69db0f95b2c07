"""Looks at what the profile `watch` of deploy/docker-compose.yml gives to Prometheus and Grafana.

    python3 deploy/watch.py files                 paths, names and ports in their files fit the compose file
    python3 deploy/watch.py rising URL SECONDS    waits for both servers to be up, and for progress that rises
    python3 deploy/watch.py kept URL COUNT        the last progress, of a job that is over, is COUNT or more

Grafana itself is not needed, which cannot be had everywhere: what it would say of a path that does not fit is
said here. Only the standard library is needed, so that YAML is read by its lines.
"""

import json
import re
import sys
import time

from queries import DEPLOY, ask

PROVISIONING = "/etc/grafana/provisioning"
PROGRESS = 'thalweg_examples_committed_total{server="0"}'


def mounts(compose):
    """Where in a container each file or folder of deploy/ is."""
    pairs = re.findall(r'^ +- "\./([^:"]+):([^:"]+):ro"$', compose, re.MULTILINE)
    return {place: DEPLOY / source for source, place in pairs}


def outside(path, mounted):
    """The file of deploy/ that a container sees at the path, or None."""
    for place, source in mounted.items():
        if path == place:
            return source
        if path.startswith(place + "/"):
            return source / path[len(place) + 1:]
    return None


def one(pattern, text, what):
    """The only match of the pattern."""
    found = re.findall(pattern, text, re.MULTILINE)
    if len(found) != 1:
        raise SystemExit(f"{what}: expected one match of {pattern!r}, found {len(found)}")
    return found[0]


def service(name, compose):
    """The lines of a service, or nothing if there is none."""
    found = re.search(rf"^  {re.escape(name)}:\n((?:    .*\n|\n)+)", compose, re.MULTILINE)
    return found.group(1) if found else ""


def wrong_in_prometheus(compose, mounted):
    config = outside(one(r"--config\.file=(\S+)", compose, "docker-compose.yml"), mounted)
    if config is None or not config.is_file():
        yield f"--config.file leads to {config}, expected a file that is mounted"
        return
    text = config.read_text()
    for rules in re.findall(r"^  - (\S+\.yml)$", text, re.MULTILINE):
        if not (config.parent / rules).is_file():
            yield f"{config.name}: the rules {rules} are not beside it"
    port = one(r"--metrics 0\.0\.0\.0:(\d+)", compose, "docker-compose.yml")
    for target in one(r"targets: \[(.*)\]", text, config.name).split(", "):
        host, _, asked = target.partition(":")
        if not service(host, compose) or asked != port:
            yield f"{config.name}: target {target}, expected a service and its port for metrics, {port}"


def wrong_in_grafana(compose, mounted):
    dashboard = DEPLOY / "grafana/dashboard.json"
    place = one(r"DEFAULT_HOME_DASHBOARD_PATH: (\S+)", compose, "docker-compose.yml")
    if outside(place, mounted) != dashboard:
        yield f"the home dashboard is {place}, where {dashboard} is not mounted"
    for file in sorted((DEPLOY / "grafana/provisioning").glob("*/*")):
        if outside(f"{PROVISIONING}/{file.parent.name}/{file.name}", mounted) != file:
            yield f"{file} is not mounted below {PROVISIONING}"
    provider = (DEPLOY / "grafana/provisioning/dashboards/thalweg.yml").read_text()
    folder = one(r"^ +path: (\S+)$", provider, "dashboards/thalweg.yml")
    if outside(f"{folder}/{dashboard.name}", mounted) != dashboard:
        yield f"dashboards are looked for in {folder}, where {dashboard} is not mounted"
    source = (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    host, port = one(r"^ +url: http://([^:/]+):(\d+)$", source, "datasources/prometheus.yml")
    if f":{port}\"]" not in service(host, compose):
        yield f"the data source is {host}:{port}, expected a service and its port"
    uid = one(r"^ +uid: (\S+)$", source, "datasources/prometheus.yml")
    known = {uid, json.loads(dashboard.read_text())["uid"]}
    strangers = set(re.findall(r'"uid": "(.*)"', dashboard.read_text())) - known
    if strangers:
        yield f"the dashboard asks {sorted(strangers)}, expected the data source {uid}"


def check_files():
    compose = (DEPLOY / "docker-compose.yml").read_text()
    mounted = mounts(compose)
    wrong = [f"{source} is mounted and not there" for source in mounted.values() if not source.exists()]
    for published in re.findall(r'^ +ports: \["(.*)"\]$', compose, re.MULTILINE):
        if not published.startswith("127.0.0.1:"):
            wrong.append(f"port {published} is published to everybody, expected 127.0.0.1 only")
    wrong += wrong_in_prometheus(compose, mounted)
    wrong += wrong_in_grafana(compose, mounted)
    if not mounted or wrong:
        raise SystemExit("\n".join(wrong) or "docker-compose.yml: no file of deploy/ is mounted")
    print(f"{len(mounted)} mounts of the compose file fit what Prometheus and Grafana look for")


def number(url, query):
    """The value of a query with one series; None while there is none, or nobody answers."""
    try:
        series = ask(url, query)
    except OSError:
        return None
    return float(series[0]["value"][1]) if len(series) == 1 else None


def wait_until_rising(url, seconds):
    end = time.monotonic() + float(seconds)
    first = up = last = None
    while time.monotonic() < end:
        up, last = number(url, 'sum(up{job="thalweg"})'), number(url, PROGRESS)
        if first is None and last:
            first = last
        if up == 2 and first is not None and last is not None and last > first:
            print(f"{last:.0f}")
            print(f"both servers are up, {PROGRESS} rose from {first:.0f} to {last:.0f}", file=sys.stderr)
            return
        time.sleep(0.5)
    raise SystemExit(f"within {seconds} s: {up} of 2 servers up, {PROGRESS} first {first}, last {last}")


def check_kept(url, count):
    kept = number(url, f"max_over_time({PROGRESS}[10m])")
    if kept is None or kept < float(count):
        raise SystemExit(f"{PROGRESS} was {count} while the job ran, and is {kept} after it")
    print(f"{kept:.0f} examples are still told")


if __name__ == "__main__":
    commands = {"files": check_files, "rising": wait_until_rising, "kept": check_kept}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        raise SystemExit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
