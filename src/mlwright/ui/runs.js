// Searching runs in the page's address, and one run: `#/runs?where=…`, `#/runs/ID`, `#/experiments/3/runs/ID`.

import { chip, empty, get, make, moment, number, short, show, span, table } from "./parts.js";

const PAGE = 50;
const FEW_PARAMS = 4;
const FEW_METRICS = 6;
const FIXED = ["name", "status", "started", "duration", "user"];
const METRIC = /^(?:(last|min|max|count|step)\()?metrics?\.(.+?)\)?$/;
const LOGGED = /^(params?|parameters?|tags?)\.(.+)$/;
const ATTRIBUTES = {
  run_id: (run) => short(run.id),
  id: (run) => short(run.id),
  status: (run) => chip(run.status),
  started: (run) => moment(run.started_at),
  ended: (run) => moment(run.ended_at),
  duration: (run) => span(run.duration_s),
  user: (run) => run.actor.replace(/^user:/, ""),
  parent: (run) => short(run.parent_id),
};

// What the address says: which screen, and the state of the search.
export function place(hash) {
  const [path, query] = hash.replace(/^#\//, "").split("?");
  const words = path.split("/").map(decodeURIComponent);
  const asked = new URLSearchParams(query ?? "");
  const state = {
    where: asked.get("where") ?? "",
    sort: asked.get("sort") ?? "",
    columns: asked.getAll("columns"),
    after: asked.get("after"),
    experiment: words[0] === "experiments" ? words[1] : null,
  };
  const run = words[0] === "experiments" ? words[3] : words[1];
  return { state, run: run || null };
}

export function address(state) {
  const query = new URLSearchParams();
  for (const name of ["where", "sort", "after"]) if (state[name]) query.set(name, state[name]);
  for (const name of state.columns) query.append("columns", name);
  const path = state.experiment === null ? "runs" : `experiments/${encodeURIComponent(state.experiment)}`;
  return `#/${path}${query.size ? `?${query}` : ""}`;
}

// Names are separated by commas; within quotes a comma is a part of the name.
export function names(text) {
  return (text.match(/(?:"(?:""|[^"])*"|`(?:``|[^`])*`|[^,])+/g) ?? []).map((name) => name.trim()).filter(Boolean);
}

function quoted(key) {
  return /^\w(?:[\w./@:#$+-]*[\w.])?$/.test(key) ? key : `"${key.replaceAll('"', '""')}"`;
}

function plain(key) {
  const sign = key[0];
  return sign === '"' || sign === "`" ? key.slice(1, -1).replaceAll(sign + sign, sign) : key;
}

function told(value) {
  if (value === undefined || value === null) return "–";
  if (typeof value === "number") return number(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function cell(run, name) {
  const metric = METRIC.exec(name);
  if (metric) return told(run.metrics[plain(metric[2])]?.[metric[1] ?? "last"]);
  const logged = LOGGED.exec(name);
  if (logged) return told((logged[1].startsWith("p") ? run.params : run.tags)[plain(logged[2])]);
  return ATTRIBUTES[name] ? ATTRIBUTES[name](run) : told(run[name]);
}

// The columns when none are asked for: a few of what the runs of the page logged.
function chosen(runs) {
  const keys = (kind, most) => [...new Set(runs.flatMap((run) => Object.keys(run[kind])))].sort().slice(0, most);
  const metrics = keys("metrics", FEW_METRICS).map((key) => `metrics.${quoted(key)}`);
  return [...FIXED, ...metrics, ...keys("params", FEW_PARAMS).map((key) => `params.${quoted(key)}`)];
}

function sortedBy(state, name) {
  const [, field, way] = /^(.*?)(?:\s+(asc|desc))?$/i.exec(state.sort.trim());
  return field === name ? ((way ?? "asc").toLowerCase() === "desc" ? "descending" : "ascending") : "";
}

function heading(state, name) {
  const sorted = sortedBy(state, name);
  const next = sorted === "descending" ? `${name} asc` : sorted === "ascending" ? "" : `${name} desc`;
  const mark = sorted === "descending" ? " ↓" : sorted === "ascending" ? " ↑" : "";
  const button = make("a", { href: address({ ...state, sort: next, after: null }), title: "sort by this" }, `${name}${mark}`);
  return [button, FIXED.includes(name) && name !== "status" ? "tight" : "value", sorted];
}

function refusal(error) {
  const { why, fix } = error.told ?? {};
  const parts = [make("b", {}, error.message), why ? make("span", {}, why) : "", fix ? make("span", {}, fix) : ""];
  return make("div", { class: "refused", role: "alert" }, ...parts);
}

async function experimentOf(state) {
  if (state.experiment === null) return null;
  const where = `experiment_id = '${state.experiment.replaceAll("'", "''")}'`;
  const page = await get("search/experiments", { where, view: "all", limit: 1 });
  if (!page.items.length) throw new Error(`there is no experiment with the number ${state.experiment}.`);
  return page.items[0];
}

function pager(state, next) {
  const links = [];
  if (state.after) links.push(make("a", { href: address({ ...state, after: null }) }, "First page"));
  if (next) links.push(make("a", { href: address({ ...state, after: next }), id: "next" }, "Next page"));
  return links.length ? [make("p", { class: "pager" }, ...links)] : [];
}

function fill(state, experiment) {
  const form = document.getElementById("query");
  form.elements.where.value = state.where;
  form.elements.columns.value = state.columns.join(", ");
  document.getElementById("screen-title").textContent = experiment ? `Runs of ${experiment.name}` : "Runs";
  form.hidden = false;
}

async function searched(state) {
  const experiment = await experimentOf(state);
  fill(state, experiment);
  const page = await get("search/runs", {
    where: state.where,
    order_by: state.sort ? [state.sort] : [],
    columns: state.columns,
    experiments: experiment ? [experiment.name] : [],
    view: experiment?.deleted_at ? "all" : null,
    cursor: state.after,
    limit: PAGE,
  });
  if (!page.items.length) return [empty("No run fits."), ...pager(state, null)];
  const columns = state.columns.length ? state.columns : chosen(page.items);
  const rows = page.items.map((run) => [
    make("a", { href: `#/runs/${run.id}` }, short(run.id)),
    ...columns.map((name) => cell(run, name)),
  ]);
  return [table("Runs", [["Run", "id"], ...columns.map((name) => heading(state, name))], rows), ...pager(state, page.next)];
}

function facts(title, values) {
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== "" && value !== undefined);
  if (!known.length) return [];
  const rows = known.map(([name, value]) => [name, value instanceof Node ? value : told(value)]);
  return [make("h3", {}, title), table(title, [["Name", "key"], ["Value", "words"]], rows)];
}

async function one(id) {
  document.getElementById("query").hidden = true;
  const found = await get(`runs/${encodeURIComponent(id)}`);
  const { run } = found;
  document.getElementById("screen-title").textContent = `Run ${run.pipeline || run.name || short(run.id)}`;
  const parent = found.parent_id ? make("a", { href: `#/runs/${found.parent_id}` }, short(found.parent_id)) : null;
  const where = `experiment = '${run.experiment.replaceAll("'", "''")}'`;
  const head = {
    id: run.id,
    status: chip(run.status),
    experiment: make("a", { href: address({ where, sort: "", columns: [], after: null, experiment: null }) }, run.experiment),
    started: moment(run.started_at),
    took: span(run.duration_s),
    by: run.actor,
    parent,
    note: found.note,
    deleted: found.deleted_at ? moment(found.deleted_at) : null,
    versions: found.versions.join(", "),
    error: found.error?.what,
  };
  const steps = found.steps.map((step) => [step.step, chip(step.status), String(step.attempt), span(step.duration_s), step.reason]);
  const made = [...found.outputs, ...found.artifacts].map((item) => [item.step, item.name, item.codec, String(item.size_bytes)]);
  return [
    ...facts("Run", head),
    ...facts("Metrics", found.metrics),
    ...facts("Params", { ...found.arguments, ...found.params }),
    ...facts("Tags", found.tags),
    ...(steps.length ? [make("h3", {}, "Steps"), table("Steps", [["Step"], ["Status"], ["Try"], ["Took", "tight"], ["Why", "words"]], steps)] : []),
    ...(made.length ? [make("h3", {}, "Made"), table("Made", [["Step"], ["Name", "words"], ["Codec"], ["Bytes", "tight"]], made)] : []),
  ];
}

let asked = 0;

// Shows the screen that the address names; an answer that comes after the next question is dropped.
async function follow() {
  const isScreen = location.hash.startsWith("#/");
  document.getElementById("overview").hidden = isScreen;
  document.getElementById("screen").hidden = !isScreen;
  const mine = ++asked;
  if (!isScreen) return;
  const { state, run } = place(location.hash);
  let nodes;
  try {
    nodes = run ? await one(run) : await searched(state);
  } catch (error) {
    if (!run) fill(state, null);
    nodes = [refusal(error)];
  }
  if (mine === asked) show("screen-body", nodes);
}

export function isOpen() {
  return location.hash.startsWith("#/");
}

export function start() {
  document.getElementById("query").addEventListener("submit", (event) => {
    event.preventDefault();
    const { elements } = event.currentTarget;
    const { state } = place(location.hash);
    const next = { ...state, where: elements.where.value.trim(), columns: names(elements.columns.value), after: null };
    if (address(next) === location.hash) follow();
    else location.hash = address(next);
  });
  window.addEventListener("hashchange", follow);
  follow();
}
