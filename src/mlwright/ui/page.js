// Draws the overview from the public API and keeps it fresh.

import { chip, draw, empty, get, isBad, isGood, make, moment, number, percent, short, show, span, table } from "./parts.js";
import { isOpen, start } from "./runs.js";

const POLL_MS = 3000;
const FULL_EVERY = 5;
let lastSeen = "";
let polls = 0;
let events = [];
let olderCursor = null;

function tiles(found) {
  const failed = found.runs.filter((run) => run.status === "failed").length;
  const moving = found.deployments.filter((row) => row.rollout_id).length;
  const running = found.runs.filter((run) => run.status === "running").length;
  const tile = (count, text, kind) =>
    make("div", { class: `tile ${count ? kind : ""}`.trim() }, make("b", {}, String(count)), make("span", {}, text));
  show("tiles", [
    tile(found.open.length, "open alerts", "bad"),
    tile(moving, "rollouts under way", "busy"),
    tile(running, "runs under way", "busy"),
    tile(failed, "failed runs lately", "bad"),
    tile(found.models.length, "models", ""),
    tile(found.deployments.length, "deployments", ""),
  ]);
}

const shade = (version) => `f${(version - 1) % 8}`;

function legend(arm) {
  const mark = draw("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
  mark.append(draw("rect", { width: 10, height: 10, rx: 2, class: shade(arm.version) }));
  return make("span", { class: "legend" }, mark, `v${arm.version} ${percent(arm.weight)} ${arm.arm}`);
}

// One band over time, newest at the right; each version's share is a height.
function trafficBand(name, stretches, now) {
  const known = stretches.filter((stretch) => stretch.arms.length);
  if (!known.length) return [];
  const start = Math.min(...known.map((stretch) => Date.parse(stretch.from_at)));
  const end = Math.max(now, start + 1);
  const picture = draw("svg", { class: "traffic", viewBox: "0 0 1000 56", preserveAspectRatio: "none", "shape-rendering": "crispEdges", role: "img" });
  picture.append(draw("title", {}, `Traffic of ${name} by version since ${moment(new Date(start).toISOString())}`));
  for (const stretch of known) {
    const left = ((Date.parse(stretch.from_at) - start) / (end - start)) * 1000;
    const right = (((stretch.to_at ? Date.parse(stretch.to_at) : end) - start) / (end - start)) * 1000;
    let top = 0;
    for (const arm of stretch.arms) {
      const height = arm.weight * 56;
      const place = { x: left, y: top, width: Math.max(right - left, 0), height, class: shade(arm.version) };
      const label = `v${arm.version} ${percent(arm.weight)} from ${moment(stretch.from_at)}: ${stretch.reason}`;
      picture.append(draw("rect", place, draw("title", {}, label)));
      top += height;
    }
  }
  const ends = make("div", { class: "ends" }, make("span", {}, moment(new Date(start).toISOString())), make("span", {}, "now"));
  return [picture, ends];
}

function deploymentsView(found, now) {
  if (!found.deployments.length) return [empty("No deployment yet. Declare a System, then", "mlwright up FILE.py:SYSTEM")];
  return found.deployments.map((row) => {
    const rollout = found.rollouts.find((one) => one.id === row.rollout_id);
    const last = found.rollouts.find((one) => one.deployment === row.name);
    const told = rollout ?? last;
    const line = make("div", {}, make("h3", {}, row.name), make("span", { class: "soft" }, `model ${row.model}`));
    line.append(...row.arms.map(legend));
    if (!row.arms.length) line.append(make("span", { class: "soft" }, "waits for its first version"));
    const node = make("article", { class: "deployment" }, line, ...trafficBand(row.name, found.traffic[row.name] ?? [], now));
    if (told) {
      const versions = told.stable === null ? `v${told.candidate}` : `v${told.stable} → v${told.candidate}`;
      const sentence = told.verdict?.sentence ?? "";
      node.append(make("div", {}, chip(told.status), make("span", {}, `rollout ${versions}`), make("span", { class: "soft" }, sentence)));
    }
    return node;
  });
}

function modelsView(found) {
  if (!found.models.length) return [empty("No model yet. A step makes one with", "mlwright.register_model(name, model, …)")];
  const headings = [["Model"], ["Versions", "tight"], ["Aliases"], ["Since", "tight wide"], ["About", "words wide"]];
  const rows = found.models.map((model) => [
    model.name,
    String(model.latest),
    Object.entries(model.aliases).map(([alias, version]) => make("span", { class: "chip" }, `${alias} → v${version}`)),
    moment(model.created_at),
    model.description,
  ]);
  return [table("Models", headings, rows)];
}

function runsView(found) {
  if (!found.runs.length) return [empty("No run yet. Start one with", "mlwright run FILE.py:PIPELINE")];
  const headings = [["Run", "id"], ["Name"], ["Status"], ["Started", "tight"], ["Took", "tight wide"], ["By", "wide"]];
  const rows = found.runs.map((run) => [
    make("a", { href: `#/runs/${run.id}` }, short(run.id)),
    run.pipeline || run.name,
    chip(run.status),
    moment(run.started_at),
    span(run.duration_s),
    run.actor,
  ]);
  return [table("Runs", headings, rows)];
}

function alertsView(found) {
  if (!found.alerts.length) return [empty("No alert so far.")];
  const headings = [["State"], ["Monitor"], ["Opened", "tight wide"], ["Resolved", "tight wide"], ["What", "words"]];
  const rows = found.alerts.map((alert) => [
    alert.resolved_at ? chip("resolved") : chip(alert.severity),
    `${alert.monitor} (v${alert.version})`,
    moment(alert.opened_at),
    moment(alert.resolved_at),
    alert.sentence,
  ]);
  return [table("Alerts", headings, rows)];
}

const known = ([, value]) => value !== null && value !== "";

function fact([name, value]) {
  if (typeof value === "number") return `${name} ${number(value)}`;
  if (typeof value === "string") return `${name} ${/^[0-9a-z]{26}$/.test(value) ? short(value) : value}`;
  return `${name} ${JSON.stringify(value)}`;
}

function eventsView() {
  if (!events.length) return [empty("Nothing has happened yet.")];
  const subject = (event) => event.subject.replace(/[0-9a-z]{26}/, short);
  const items = events.map((event) =>
    make(
      "li",
      {},
      make("time", { datetime: event.time }, moment(event.time)),
      make("span", {}, eventChip(event.type)),
      make("p", {}, `${subject(event)} `, make("span", { class: "soft" }, Object.entries(event.data).filter(known).map(fact).join(" · "))),
    ),
  );
  return [make("ol", { class: "events" }, ...items)];
}

function eventChip(type) {
  const verb = type.split(".")[1] ?? "";
  const kind = isBad(verb) || verb === "opened" ? "bad" : isGood(verb) || verb === "registered" ? "good" : "";
  return make("span", { class: `chip ${kind}`.trim() }, type);
}

async function loadEvents() {
  const page = await get("events", { newest_first: "true", limit: 60 });
  const oldest = page.items.at(-1)?.seq ?? 0;
  const kept = events.filter((event) => event.seq < oldest);
  events = [...page.items, ...kept];
  if (!kept.length) olderCursor = page.next;
}

async function loadOlder() {
  const page = await get("events", { newest_first: "true", limit: 200, cursor: olderCursor });
  events = [...events, ...page.items];
  olderCursor = page.next;
  renderEvents();
}

function renderEvents() {
  show("events-body", eventsView());
  document.getElementById("older").hidden = olderCursor === null;
}

async function refresh(health) {
  const [runs, models, deployments, rollouts, alerts, open] = await Promise.all([
    get("runs", { limit: 25 }),
    get("models"),
    get("deployments"),
    get("rollouts", { limit: 50 }),
    get("alerts", { limit: 25 }),
    get("alerts", { only_open: "true", limit: 200 }),
    loadEvents(),
  ]);
  const found = {
    runs: runs.items,
    models: models.items,
    deployments: deployments.items,
    rollouts: rollouts.items,
    alerts: alerts.items,
    open: open.items,
    traffic: {},
  };
  await Promise.all(
    found.deployments.map(async (row) => {
      const page = await get(`deployments/${encodeURIComponent(row.name)}/traffic`, { limit: 500 });
      found.traffic[row.name] = page.items;
    }),
  );
  tiles(found);
  show("deployments-body", deploymentsView(found, Date.parse(health.now)));
  show("models-body", modelsView(found));
  show("runs-body", runsView(found));
  show("alerts-body", alertsView(found));
  renderEvents();
}

function tell(text, kind) {
  const state = document.getElementById("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = kind;
}

async function poll() {
  if (!document.hidden) {
    try {
      const health = await get("health");
      const seen = `${health.instance} ${health.last_event}`;
      // What isn't looked at is drawn when it is.
      const isStale = !isOpen() && (seen !== lastSeen || polls % FULL_EVERY === 0);
      if (isStale) await refresh(health);
      if (!isOpen()) lastSeen = seen;
      polls += 1;
      tell(`${health.replays ? "replay at" : "live at"} ${moment(health.now)} UTC`, "live");
      document.getElementById("about").textContent = `mlwright ${health.version} · ${health.ledger}`;
    } catch (error) {
      lastSeen = "";
      tell(`connection lost, trying again (${error.message})`, "lost");
    }
  }
  setTimeout(poll, POLL_MS);
}

document.getElementById("older").addEventListener("click", () => {
  loadOlder().catch((error) => tell(error.message, "lost"));
});
document.addEventListener("visibilitychange", () => {
  polls = 0;
});
window.addEventListener("hashchange", () => {
  polls = 0;
});
start();
poll();
