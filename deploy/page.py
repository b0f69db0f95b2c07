"""Looks at the status page of a running job with a real browser.

    python3 deploy/page.py CHROMIUM FIRST SECOND PID FOLDER

FIRST is the address (http://HOST:PORT/) of server 0 of a job with two servers and four workers that `thalweg train`
watches as process PID, SECOND that of server 1. The page must show the job, grow, follow light and dark, fit a phone,
stop asking when nobody looks, put hostile names in as text, and say when the server is gone, for which the process is
ended. Screenshots go to FOLDER. Only the standard library is needed: Chromium is spoken to over its DevTools pipe.
"""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

PATIENCE_SECONDS = 25
WORKERS, SERVERS = 4, 2
HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"

# What a look at the page reads of it, as one object.
FACTS = """(() => {
  const text = (id) => document.getElementById(id).textContent;
  const rows = (id) => [...document.querySelectorAll(`#${id} tbody tr`)].map((row) =>
    [...row.cells].map((cell) => cell.textContent));
  const list = (id) => [...document.querySelectorAll(`#${id} li`)].map((item) => item.textContent);
  const d = (id) => document.querySelector(`#${id} path`)?.getAttribute("d") ?? "";
  const tables = [...document.querySelectorAll("table")].filter((table) => table.tBodies[0].rows.length);
  return {
    title: document.title, job: text("job"), phase: text("phase"), connection: text("connection"),
    facts: Object.fromEntries([...document.querySelectorAll("#facts div")].map((fact) =>
      [fact.children[0].textContent, fact.children[1].textContent])),
    points: d("loss").split("L").length, ratePoints: d("rate").split("L").length,
    tests: document.querySelectorAll("#loss circle").length, lossLabel: document.getElementById("loss")
      .getAttribute("aria-label"),
    workers: rows("workers"), parts: rows("parts"), waits: rows("waits"), waiting: list("waiting"),
    servers: rows("servers"), shards: rows("shards"), bars: document.querySelectorAll("#staleness rect").length,
    links: list("links"), incidents: list("incidents"), unknown: list("unknown"),
    background: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
    width: document.documentElement.scrollWidth, markup: document.querySelectorAll("img, main script").length,
    unnamed: tables.filter((table) => !table.caption.textContent ||
      [...table.querySelectorAll("th")].some((head) => !head.scope)).length,
  };
})()"""


class Browser:
    """One tab of a headless Chromium."""

    def __init__(self, program, folder):
        hears, self.writes = os.pipe()
        self.reads, says = os.pipe()
        command = [
            program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={folder}", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
            "about:blank",
        ]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        redirected = ["bash", "-c", f'exec "$@" 3<&{hears} 4>&{says}', "bash", *command]
        self.log = open(folder / "browser.log", "wb")
        self.process = subprocess.Popen(
            redirected, pass_fds=(hears, says), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        os.close(hears)
        os.close(says)
        self.number, self.rest, self.session = 0, b"", None
        self.requests, self.complaints = [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        """Sends a command and waits for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.hear(end - time.monotonic())
            if answer is None:
                raise SystemExit(f"the browser did not answer {method} within {PATIENCE_SECONDS} s")
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"the browser refuses {method}: {answer['error']['message']}")
                return answer["result"]

    def hear(self, seconds):
        """The next message, noted if it is an event; None if none comes so soon."""
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reads], [], [], max(0, seconds))
            piece = os.read(self.reads, 1 << 20) if ready else b""
            if not piece:
                return None
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(text)
        self.note(message.get("method"), message.get("params", {}))
        return message

    def note(self, event, about):
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"])[:600])
        elif event == "Runtime.consoleAPICalled":
            self.complaints.append(f"console.{about['type']}: {json.dumps(about['args'])[:600]}")
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("warning", "error"):
            self.complaints.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")

    def wait(self, seconds):
        """Lets time pass for the page."""
        end = time.monotonic() + seconds
        while self.hear(end - time.monotonic()) is not None:
            pass

    def run(self, script):
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"a look at the page failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, url):
        self.ask("Page.navigate", url=url)
        self.until("the page is there", lambda: self.run(f'location.href === "{url}" && !!document.getElementById("incidents")'))

    def until(self, what, is_so):
        """Waits until something is so, and answers with it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if found := is_so():
                return found
            self.wait(0.2)
        facts = self.run(f"document.body ? {FACTS} : null")
        raise SystemExit(f"within {PATIENCE_SECONDS} s it was not so that {what}; the page: {facts}; "
                         f"complaints: {self.complaints}")

    def look(self):
        return self.run(FACTS)

    def size(self, width, height, scheme):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        """The whole page as PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        with contextlib.suppress(SystemExit, OSError):
            self.session = None
            self.ask("Browser.close")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def expect(is_so, what, found):
    if not is_so:
        raise SystemExit(f"expected {what}; found {json.dumps(found)[:2000]}")


def shows_the_job(facts):
    """The words and numbers of a job in training."""
    expect(facts["phase"] == "training", "the phase training", facts["phase"])
    expect(facts["connection"].startswith("live"), "a live page", facts["connection"])
    expect(facts["unknown"] == [], "nothing that is not known", facts["unknown"])
    host = os.uname().nodename
    workers = facts["workers"]
    expect(len(workers) == WORKERS, f"{WORKERS} workers", workers)
    for row in workers:
        expect(row[1] in ("active", "waits", "silent"), "a worker at work", row)
        expect(0 < int(row[2].replace(",", "")) and host in row[-1], "a clock, and a place on this host", row)
    expect(any(0 < int(row[3].replace(",", "")) for row in workers), "somebody behind", workers)
    expect(len(facts["parts"]) == WORKERS and all(row[2] != "0" for row in facts["parts"]), "applied parts",
           facts["parts"])
    expect(len(facts["servers"]) == SERVERS and len(facts["shards"]) == 8, "two servers and eight shards",
           [facts["servers"], facts["shards"]])
    waited = [cell for row in facts["waits"] for cell in row[1:] if cell.endswith(" s")]
    expect(any(0 < float(cell[:-2]) for cell in waited if "min" not in cell), "seconds that somebody waited for somebody",
           facts["waits"])
    expect(1 < facts["bars"], "bars of staleness", facts["bars"])
    expect("latency: 1ms" in facts["links"] and "stragglers: 1:3x" in facts["links"], "the links", facts["links"])
    expect(any("joined as session" in text for text in facts["incidents"]), "who joined", facts["incidents"])
    expect("test loss" in facts["lossLabel"] and "training loss" in facts["lossLabel"], "words for the curves",
           facts["lossLabel"])
    expect(facts["unnamed"] == 0, "a caption, and a scope for each head", facts["unnamed"])


def grows(browser):
    """The curve and the counts rise while one looks; answers with the last look."""
    def has_curves():
        facts = browser.look()
        waits = 2 < facts["points"] and 0 < facts["tests"] and facts["waits"]
        return facts if waits and len(facts["workers"]) == WORKERS and "ago" not in str(facts["unknown"]) else None
    before = browser.until("there are curves, workers and waits", has_curves)

    def has_grown():
        facts = browser.look()
        more = before["points"] < facts["points"] and before["ratePoints"] < facts["ratePoints"]
        return facts if more and before["facts"]["examples"] != facts["facts"]["examples"] else None
    after = browser.until("the curves grow", has_grown)
    print(f"curve of {before['points']}, then {after['points']} points; {after['tests']} evaluations")
    return after


def stops_when_hidden(browser):
    """A tab that nobody sees asks for nothing, and goes on when somebody does."""
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); " \
        "document.dispatchEvent(new Event('visibilitychange'))"
    browser.run(hide % "true")
    browser.wait(1.2)
    asked = len(browser.requests)
    browser.wait(2.5)
    expect(len(browser.requests) == asked, "no request of a hidden page", browser.requests[asked:])
    browser.run(hide % "false")
    browser.until("it asks again", lambda: asked < len(browser.requests))


def hostile(value, key=""):
    """A document in which all that comes from workers tries to be markup."""
    if isinstance(value, dict):
        return {name: hostile(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, key) for inner in value]
    words = ("place", "doing", "cause", "job", "text", "why", "waiting", "gone", "unknown", "version")
    return HOSTILE if key in words and isinstance(value, str) else value


@contextlib.contextmanager
def impostor(url):
    """A server with the same page and a hostile document; without the policy, which would stop what gets through."""
    names = ["", "page.css", "page.js", "status.json"]
    files = {}
    for name in names:
        with urllib.request.urlopen(url + name, timeout=10) as answer:
            files["/" + name] = (answer.headers["Content-Type"], answer.read())
    document = hostile(json.loads(files["/status.json"][1]))
    document["gone"], document["waiting"] = [HOSTILE], [HOSTILE]
    files["/status.json"] = ("application/json", json.dumps(document).encode())

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            media, body = files.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in files else 404)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def takes_hostile_names_as_text(browser, url):
    with impostor(url) as place:
        browser.open(place)
        facts = browser.until("the hostile page is drawn", lambda: (f := browser.look())["workers"] and f)
        browser.wait(1.5)
        facts = browser.look()
    expect(facts["markup"] == 0 and not facts["title"].startswith("broken"), "no markup made of text", facts)
    expect(facts["job"] == HOSTILE and facts["workers"][0][-1] == HOSTILE and facts["workers"][0][-2] == HOSTILE,
           "hostile names as text", facts["workers"])
    expect(HOSTILE in facts["waiting"] and HOSTILE in facts["incidents"][0], "hostile sentences as text", facts)


def says_what_it_does_not_know(browser, url):
    browser.open(url)
    facts = browser.until("server 1 shows its part", lambda: (f := browser.look())["shards"] and f)
    expect(any("server 0 counts them" in text for text in facts["unknown"]), "what is not known", facts["unknown"])
    expect(any("Evaluations on test data" in text for text in facts["unknown"]), "who evaluates", facts["unknown"])
    expect(len(facts["servers"]) == 1 and len(facts["workers"]) == WORKERS, "its own part", facts["servers"])


def main(chromium, first, second, pid, folder):
    folder = pathlib.Path(folder)
    browser = Browser(chromium, folder)
    try:
        browser.size(1280, 900, "light")
        browser.open(first)
        shows_the_job(grows(browser))
        light = browser.look()
        browser.picture(folder / "light.png")
        browser.size(1280, 900, "dark")
        browser.wait(0.3)
        dark = browser.look()
        expect(light["background"] == "rgb(255, 255, 255)" and dark["background"] == "rgb(20, 23, 26)"
               and light["ink"] != dark["ink"], "light and dark", [light["background"], dark["background"]])
        browser.picture(folder / "dark.png")
        browser.size(390, 844, "light")
        browser.wait(0.3)
        phone = browser.look()
        expect(phone["width"] <= 390, "no page wider than a phone", phone["width"])
        browser.picture(folder / "phone.png")
        stops_when_hidden(browser)
        browser.size(1280, 900, "light")
        says_what_it_does_not_know(browser, second)
        hosts = {urllib.parse.urlsplit(url).netloc for url in browser.requests if not url.startswith("data:")}
        own = {urllib.parse.urlsplit(url).netloc for url in (first, second)}
        expect(hosts - {""} == own, f"requests to {sorted(own)} alone", sorted(hosts))
        takes_hostile_names_as_text(browser, first)
        expect(browser.complaints == [], "no complaint of the browser", browser.complaints)
        browser.open(first)
        browser.until("the page is live again", lambda: browser.look()["connection"].startswith("live"))
        os.kill(int(pid), signal.SIGTERM)
        words = browser.until("it says that the server is gone", lambda: (
            words := browser.look()["connection"]).startswith("connection lost since") and words)
        expect(len(browser.look()["workers"]) == WORKERS, "what was shown last", browser.look()["workers"])
        browser.picture(folder / "lost.png")
        print(words)
        print(f"{len(browser.requests)} requests, all to the servers; no complaint of the browser")
    finally:
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
