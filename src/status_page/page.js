// Draws status.json, once a second, as long as somebody looks. All that comes from workers is put in as text, never
// as markup. docs/METRICS.md has the keys.
"use strict";

const POLL_MS = 1000;
const PATIENCE_MS = 5000;
// Of more workers the pairs are told as a list.
const MATRIX_MAX = 12;
const PAIRS_MAX = 24;
const TOLD_LATE_SECONDS = 5;

const byId = (id) => document.getElementById(id);
const NOTHING = "-";

// ---- numbers, as `thalweg status` writes them

const grouped = (count) => count.toLocaleString("en-US");

function scaled(value) {
  if (!Number.isFinite(value)) return NOTHING;
  let prefix = "";
  for (const next of [" k", " M", " G", " T", " P"]) {
    if (Math.abs(value) < 999.5) break;
    value /= 1000;
    prefix = next;
  }
  const size = Math.abs(value);
  const decimals = !prefix && Number.isInteger(value) ? 0 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return value.toFixed(decimals) + prefix;
}

function bytes(count) {
  const text = scaled(count);
  return text.includes(" ") ? text + "B" : text + " B";
}

function span(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING;
  if (seconds < 100) return seconds.toFixed(1) + " s";
  const whole = Math.floor(seconds), two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 100) return `${minutes} min ${two(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

// The same, with short ones in milliseconds.
const short = (seconds) => seconds < 0.1 ? `${(seconds * 1000).toFixed(1)} ms` : span(seconds);

function score(value) {
  if (value === null || value === undefined) return NOTHING;
  const size = Math.abs(value);
  return size === 0 || (0.001 <= size && size < 1e6) ? value.toFixed(4) : value.toExponential(3);
}

function percent(part, whole) {
  const share = part / whole;
  if (!Number.isFinite(share)) return NOTHING;
  return 0 < share && share < 0.005 ? "<1 %" : `${Math.round(share * 100)} %`;
}

function axisNumber(value) {
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  if (1e4 <= size) return scaled(value);
  if (size < 1e-3) return value.toExponential(1);
  return String(Number(value.toFixed(4)));
}

// ---- putting text in place; what has not changed is not touched, so that a selection or the focus stays

function put(node, text, tone = "") {
  text = String(text);
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== tone) node.className = tone;
}

function list(node, sentences) {
  while (node.children.length > sentences.length) node.lastElementChild.remove();
  sentences.forEach((sentence, place) => {
    const item = node.children[place] ?? node.appendChild(document.createElement("li"));
    put(item, sentence);
  });
}

// A cell is a text, or a text with a tone.
function row(line, cells, isHead) {
  while (line.cells.length > cells.length) line.deleteCell(-1);
  cells.forEach((cell, place) => {
    let node = line.cells[place];
    if (!node) {
      node = document.createElement(isHead || place === 0 ? "th" : "td");
      node.scope = isHead ? "col" : "row";
      line.appendChild(node);
    }
    const [text, tone] = Array.isArray(cell) ? cell : [cell, ""];
    put(node, text, tone);
  });
}

function table(id, caption, heads, lines) {
  const node = byId(id);
  put(node.caption, caption);
  row(node.tHead.rows[0] ?? node.tHead.insertRow(), lines.length ? heads : [], true);
  const body = node.tBodies[0];
  while (body.rows.length > lines.length) body.deleteRow(-1);
  lines.forEach((cells, place) => row(body.rows[place] ?? body.insertRow(), cells, false));
}

function facts(pairs) {
  const node = byId("facts");
  while (node.children.length > pairs.length) node.lastElementChild.remove();
  pairs.forEach(([name, value], place) => {
    let fact = node.children[place];
    if (!fact) {
      fact = node.appendChild(document.createElement("div"));
      fact.append(document.createElement("dt"), document.createElement("dd"));
    }
    put(fact.children[0], name);
    put(fact.children[1], value);
  });
}

// ---- charts

function shape(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// Round marks from low to high, three to six of them.
function marks(low, high) {
  const rough = (high - low) / 6;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((n) => rough <= n);
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let n = first; n * step <= high + step * 1e-9; n += 1) found.push(n * step);
  return found;
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) {
    const room = 0.5 * Math.abs(low) || 0.5;
    return [low - room, high + room];
  }
  const room = 0.03 * (high - low);
  return [low - room, high + room];
}

const BOX = { left: 70, right: 628, top: 14, bottom: 258 };

// `lines`: name, points as [x, y] in the order of x, and whether each point has a dot.
function chart(id, what, lines, number) {
  const svg = byId(id);
  const shown = lines.filter((line) => line.points.length);
  const caption = byId(id + "-caption");
  const parts = [];
  lines.forEach((line, place) => {
    if (!line.points.length) return;
    const key = document.createElement("i");
    key.className = `key line-${place}`;
    const name = document.createElement("span");
    const value = document.createElement("b");
    value.textContent = number(line.points.at(-1)[1]);
    name.className = "item";
    name.append(key, line.name + " ", value);
    parts.push(name);
  });
  caption.replaceChildren(...(shown.length ? parts : [`${what}: nothing yet`]));
  if (!shown.length) {
    svg.replaceChildren();
    svg.setAttribute("aria-label", `${what}: nothing yet`);
    return;
  }
  const all = shown.flatMap((line) => line.points);
  const [left, right] = extent(all.map((point) => point[0]));
  const [low, high] = extent(all.map((point) => point[1]));
  const x = (value) => BOX.left + ((value - left) / (right - left)) * (BOX.right - BOX.left);
  const y = (value) => BOX.bottom - ((value - low) / (high - low)) * (BOX.bottom - BOX.top);
  const nodes = [];
  for (const mark of marks(low, high)) {
    nodes.push(shape("line", { class: "grid", x1: BOX.left, x2: BOX.right, y1: y(mark), y2: y(mark) }));
    nodes.push(shape("text", { x: BOX.left - 6, y: y(mark) + 4, "text-anchor": "end" }, axisNumber(mark)));
  }
  for (const mark of marks(Math.max(left, 0), right)) {
    nodes.push(shape("text", { x: x(mark), y: BOX.bottom + 18, "text-anchor": "middle" }, axisNumber(mark)));
  }
  nodes.push(shape("text", { x: BOX.right, y: BOX.bottom + 36, "text-anchor": "end" }, "seconds of training"));
  lines.forEach((line, place) => {
    const places = line.points.map(([at, value]) => [x(at).toFixed(1), y(value).toFixed(1)]);
    if (1 < places.length) {
      const d = "M" + places.map((pair) => pair.join(" ")).join("L");
      nodes.push(shape("path", { class: `line-${place}`, d }));
    }
    if (line.hasDots || places.length === 1) {
      for (const [cx, cy] of places) nodes.push(shape("circle", { class: `dot-${place}`, cx, cy, r: 3 }));
    }
  });
  svg.replaceChildren(...nodes);
  const words = shown.map((line) => {
    const [first, last] = [line.points[0], line.points.at(-1)];
    return `${line.name} from ${number(first[1])} to ${number(last[1])} in ${line.points.length} points`;
  });
  svg.setAttribute("aria-label", `${what}: ${words.join("; ")}`);
}

// One bar for parts that missed nothing, and one for each power of two of steps missed, as the report has them.
function stalenessBars(staleness) {
  const svg = byId("staleness");
  const parts = [];
  for (const { floor, parts: count } of staleness.counts) {
    const bar = floor === 0 ? 0 : Math.floor(Math.log2(floor)) + 1;
    while (parts.length <= bar) parts.push(0);
    parts[bar] += count;
  }
  const total = parts.reduce((sum, count) => sum + count, 0);
  const words = total
    ? `${grouped(total)} parts; steps missed: p50 ${staleness.p50}, p99 ${staleness.p99}, max ${staleness.max}, ` +
      `mean ${staleness.mean.toFixed(1)}`
    : "no part has been applied yet";
  put(byId("staleness-caption"), words);
  const most = Math.max(1, ...parts);
  const width = Math.min(64, 600 / Math.max(1, parts.length));
  const nodes = [];
  parts.forEach((count, bar) => {
    const height = Math.max(1, (count / most) * 140);
    const left = 20 + bar * width;
    const from = bar === 0 ? 0 : 2 ** (bar - 1), to = 2 ** bar - 1;
    const name = from === to || bar === 0 ? String(from) : `${scaled(from)}–${scaled(to)}`;
    nodes.push(shape("rect", { class: "bar", x: left, y: 170 - height, width: width - 6, height }));
    const middle = left + (width - 6) / 2;
    nodes.push(shape("text", { x: middle, y: 188, "text-anchor": "middle" }, width < 40 && bar % 2 ? "" : name));
    nodes.push(shape("text", { x: middle, y: 164 - height, "text-anchor": "middle" }, percent(count, total)));
  });
  if (total) nodes.push(shape("text", { x: 20, y: 212 }, "steps missed"));
  svg.replaceChildren(...nodes);
  svg.setAttribute("aria-label", `staleness: ${words}`);
}

// ---- the parts of the page

const TONES = { done: "done", failed: "failed", joining: "notable", lost: "failed", absent: "notable" };

function head(doc) {
  const cluster = doc.cluster;
  put(byId("job"), cluster.job || "Thalweg");
  document.title = `${cluster.job || "Thalweg"}: ${cluster.phase}`;
  put(byId("phase"), cluster.phase, TONES[cluster.phase] ?? "");
  put(byId("cause"), cluster.cause ? `: ${cluster.cause}` : "");
  const share = cluster.progress / cluster.examples_total;
  byId("progress").value = Number.isFinite(share) ? Math.min(share, 1) : 0;
  const test = doc.evaluations.at(-1)?.test ?? {};
  const isTraining = cluster.phase === "training";
  facts([
    ["progress", `${percent(cluster.progress, cluster.examples_total)}`],
    ["examples", `${grouped(cluster.progress)} of ${grouped(cluster.examples_total)}`],
    ["epoch", doc.epoch === null ? NOTHING : doc.epoch.toFixed(2)],
    ["examples/s, now", isTraining ? scaled(doc.recent_examples_per_second) : NOTHING],
    ["examples/s, mean", scaled(cluster.examples_per_second)],
    ["training loss, recent", score(cluster.train_loss)],
    ...Object.entries(test).map(([name, value]) => [`test ${name.replaceAll("_", " ")}`, score(value)]),
    ["trained", span(doc.server === 0 ? cluster.train_seconds : NaN)],
    ["left, about", isTraining && doc.rest_seconds !== null ? span(doc.rest_seconds) : NOTHING],
    ["pushed", bytes(cluster.bytes_pushed)],
    ["pulled", bytes(cluster.bytes_pulled)],
    ...(cluster.rate_factor === 1 ? [] : [["rate factor", score(cluster.rate_factor)]]),
  ]);
  const late = TOLD_LATE_SECONDS < doc.told_seconds
    ? [`The launcher was last heard ${span(doc.told_seconds)} ago: what is told of other servers and evaluations is ` +
       "of then. It may be evaluating."]
    : [];
  list(byId("unknown"), [...late, ...doc.unknown.map((sentence) => `Not known here: ${sentence}`)]);
}

function curves(doc) {
  const { seconds, train_loss, examples_per_second } = doc.curve;
  const pairs = (values) => seconds.map((at, place) => [at, values[place]]).filter((pair) => Number.isFinite(pair[1]));
  const tests = doc.evaluations.map((point) => [point.train_seconds, point.test?.loss ?? point.test?.log_loss])
    .filter((pair) => Number.isFinite(pair[1]));
  chart("loss", "loss", [
    { name: "training loss, recent", points: pairs(train_loss) },
    { name: "test loss", points: tests, hasDots: true },
  ], score);
  chart("rate", "examples per second", [
    { name: "examples per second, recent", points: pairs(examples_per_second) },
  ], scaled);
}

function waits(doc) {
  const pairs = doc.cluster.waits;
  list(byId("waiting"), doc.waiting.length ? doc.waiting : ["nobody waits for another worker now"]);
  const workers = [...new Set(pairs.flatMap((pair) => [pair.worker, pair.on]))].sort((a, b) => a - b);
  if (!pairs.length) {
    table("waits", "nobody has waited for another worker so far", [], []);
  } else if (workers.length <= MATRIX_MAX) {
    const waited = new Map(pairs.map((pair) => [`${pair.worker} ${pair.on}`, pair.seconds]));
    const most = Math.max(...pairs.map((pair) => pair.seconds));
    const cell = (worker, on) => {
      const seconds = waited.get(`${worker} ${on}`);
      if (seconds === undefined) return ["·", "none"];
      return [short(seconds), most <= 2 * seconds ? "notable" : ""];
    };
    table("waits", "seconds waited so far; a row waits for a column", ["", ...workers.map((on) => `for ${on}`)],
      workers.map((worker) => [`worker ${worker}`, ...workers.map((on) => cell(worker, on))]));
  } else {
    const shown = pairs.slice(0, PAIRS_MAX);
    const more = pairs.length - shown.length;
    table("waits", `waited so far, the longest first${more ? `; ${more} pairs more in status.json` : ""}`,
      ["worker", "for", "waited", "times", "longest"], shown.map((pair) => [
        String(pair.worker), String(pair.on), short(pair.seconds), grouped(pair.count), short(pair.longest_seconds),
      ]));
  }
}

function workers(doc) {
  const { workers: rows, phase } = doc.cluster;
  list(byId("gone"), doc.gone);
  const active = rows.filter((worker) => worker.state === "active");
  const fastest = Math.max(0, ...active.map((worker) => worker.clock));
  const trained = doc.server === 0 ? doc.cluster.train_seconds : doc.cluster.up_seconds;
  const state = (worker) => {
    if (worker.wait) return ["waits", "notable"];
    if (worker.unheard) return ["silent", "notable"];
    return [worker.state, TONES[worker.state] ?? ""];
  };
  const count = doc.left_out.workers ? `the first ${rows.length} of ${rows.length + doc.left_out.workers}` : `${rows.length}`;
  table("workers", `${count} worker slots; ${active.length} active`, [
    "worker", "state", "clock", "behind", "examples", "examples/s", "computes", "waited", "sent", "received", "silent",
    ["doing", "words"], ["place", "place"],
  ], rows.map((worker) => [
    String(worker.worker), state(worker), grouped(worker.clock),
    worker.state === "active" ? grouped(fastest - worker.clock) : NOTHING,
    doc.server === 0 ? grouped(worker.examples) : NOTHING, scaled(worker.examples_per_second ?? NaN),
    percent(worker.compute_seconds, trained), span(worker.waited_seconds),
    bytes(worker.bytes_sent), bytes(worker.bytes_received),
    phase === "training" && worker.state === "active" ? span(worker.silent_seconds) : NOTHING,
    [worker.doing, "words"], [worker.place, "place"],
  ]));
  parts(rows);
}

function parts(rows) {
  const count = (number, tone) => [number ? grouped(number) : "0", number ? tone : "none"];
  const reasons = (refusals) => Object.entries(refusals).map(([reason, number]) => `${grouped(number)} ${reason}`);
  table("parts", "parts by worker", [
    "worker", "came", "applied", "waiting", "left out", "duplicates", "refused", "late in all", "staleness p50", "p99",
    "max", "mean",
  ], rows.map(({ worker, parts: of, staleness }) => [
    String(worker), grouped(of.came), grouped(of.applied), count(of.waiting, ""), count(of.left_out, "notable"),
    count(of.duplicates, "notable"), [reasons(of.refusals).join(", ") || "0", reasons(of.refusals).length ? "failed" : "none"],
    count(of.late, "notable"), grouped(staleness.p50), grouped(staleness.p99), grouped(staleness.max),
    staleness.mean === null ? NOTHING : staleness.mean.toFixed(1),
  ]));
}

function servers(doc) {
  const rows = doc.cluster.servers;
  table("servers", `${rows.length} of ${doc.servers} servers are told of here`, [
    "server", "up", "shards", "elements", "pushed", "pulled", "received", "sent",
  ], rows.map((server) => [
    String(server.server), span(server.up_seconds), grouped(server.shards.length),
    grouped(server.shards.reduce((sum, shard) => sum + shard.elements, 0)),
    bytes(server.bytes_pushed), bytes(server.bytes_pulled), bytes(server.bytes_received), bytes(server.bytes_sent),
  ]));
  const shards = rows.flatMap((server) => server.shards.map((shard) => [server.server, shard]));
  shards.sort((a, b) => a[1].shard - b[1].shard);
  const more = doc.left_out.shards;
  table("shards", `${shards.length} shards${more ? `, and ${more} more that are not told one by one` : ""}`, [
    "shard", "server", "elements", "steps", "examples", "waiting", "staleness p50", "p99", "max", "mean",
  ], shards.map(([server, shard]) => [
    String(shard.shard), String(server), grouped(shard.elements), grouped(shard.version), grouped(shard.progress),
    [grouped(shard.pending), shard.pending ? "" : "none"], grouped(shard.staleness.p50), grouped(shard.staleness.p99),
    grouped(shard.staleness.max), shard.staleness.mean === null ? NOTHING : shard.staleness.mean.toFixed(1),
  ]));
}

function links(doc) {
  const conditions = doc.conditions ?? {};
  const words = Object.entries(conditions).flatMap(([name, value]) => [value].flat().map((text) => `${name}: ${text}`));
  const plain = doc.told_seconds === null
    ? "Not known here: what links and machines take, if that was asked for; the launcher knows."
    : "As the machine has them: no latency, straggler or fault was asked for.";
  list(byId("links"), words.length ? words.map((word) => word.replaceAll("_", " ")) : [plain]);
}

function incidents(doc) {
  const node = byId("incidents");
  const latest = [...doc.incidents].reverse();
  while (node.children.length > latest.length) node.lastElementChild.remove();
  latest.forEach((incident, place) => {
    let item = node.children[place];
    if (!item) {
      item = node.appendChild(document.createElement("li"));
      item.append(document.createElement("time"), document.createElement("span"));
    }
    put(item.children[0], span(incident.at_seconds));
    put(item.children[1], incident.text);
  });
}

function show(doc) {
  head(doc);
  curves(doc);
  waits(doc);
  workers(doc);
  stalenessBars(doc.cluster.staleness);
  servers(doc);
  links(doc);
  incidents(doc);
  put(byId("version"), `Thalweg ${doc.version}, page of server ${doc.server} of ${doc.servers}`);
}

// ---- looking again and again

let timer, isLooking = false, latest = null, seenAt = null, lostSince = null;

const clock = (date) => date.toLocaleTimeString("en-GB");

function connected() {
  lostSince = null;
  document.body.classList.remove("old");
  put(byId("connection"), `live; as of ${clock(seenAt)}`);
}

function lost(why) {
  lostSince ??= new Date();
  document.body.classList.add("old");
  const silent = span((Date.now() - lostSince) / 1000);
  const cluster = latest?.cluster;
  const isOver = cluster && (cluster.phase === "done" || cluster.progress === cluster.examples_total);
  const meaning = !latest ? "" : isOver
    ? "; the job was over by then, and its servers end with it: the run folder has the report"
    : "; below is how things stood then";
  put(byId("connection"), `connection lost since ${clock(lostSince)}, ${silent} (${why})${meaning}`, "lost");
}

async function ask() {
  const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
  return answer.json();
}

async function look() {
  clearTimeout(timer);
  // Nobody looks: nothing is asked until somebody does.
  if (document.hidden || isLooking) return;
  isLooking = true;
  try {
    latest = await ask();
    seenAt = new Date();
  } catch (error) {
    lost(error.name === "TimeoutError" ? `no answer within ${PATIENCE_MS / 1000} s` : error.message);
    return;
  } finally {
    isLooking = false;
    timer = setTimeout(look, POLL_MS);
  }
  show(latest);
  connected();
}

document.addEventListener("visibilitychange", look);
look();
