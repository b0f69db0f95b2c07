"""Runs the queries of the dashboard and of the alerts on a Prometheus that scrapes a cluster.

    python3 deploy/queries.py URL SECONDS

Waits until both servers have been scraped for SECONDS and examples are committed, then asks every query
through the HTTP API. An error fails, and so does a panel without data, unless it says in its `noValue` what
it shows then. An alert may be without data: then it does not fire. Only the standard library is needed.
"""

import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DEPLOY = pathlib.Path(__file__).parent
PATIENCE_SECONDS = 40
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "10s", "$server": ".*"}


def ask(url, query):
    """The series that a query has now; raises ValueError with Prometheus's words if it is wrong."""
    parameters = urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{parameters}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error).get("error", str(error))) from error


def wait_until_scraped(url, seconds):
    """Waits until both servers were scraped for so long, while examples were committed."""
    ready = (
        f'min(count_over_time(thalweg_uptime_seconds[1m])) >= {seconds} '
        'and count(up{job="thalweg"} == 1) == 2 '
        'and sum(increase(thalweg_examples_committed_total[10s])) > 0'
    )
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if ask(url, ready):
                return
        except OSError:
            pass  # It is not up yet.
        time.sleep(0.5)
    raise SystemExit(f"no two servers were scraped for {seconds} s within {PATIENCE_SECONDS} s")


def queries():
    """Title, query and whether it may be without data, of each panel and alert."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        may_be_empty = "noValue" in panel.get("fieldConfig", {}).get("defaults", {})
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], may_be_empty
    alerts = (DEPLOY / "prometheus/alerts.yml").read_text()
    for name, expression in re.findall(r"- alert: (.*)\n\s+expr: (.*)\n", alerts):
        yield name, expression, True


def main(url, seconds):
    wait_until_scraped(url, int(seconds))
    failures, count = [], 0
    for title, query, may_be_empty in queries():
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        count += 1
        try:
            series = len(ask(url, query))
        except ValueError as error:
            failures.append(f"{title}: {query}\n    {error}")
            continue
        if not series and not may_be_empty:
            failures.append(f"{title}: {query}\n    returned nothing")
        print(f"{series:4} series  {title}: {query}")
    if failures:
        raise SystemExit(f"{len(failures)} of {count} queries failed:\n" + "\n".join(failures))
    print(f"all {count} queries are answered")


if __name__ == "__main__":
    main(*sys.argv[1:])
