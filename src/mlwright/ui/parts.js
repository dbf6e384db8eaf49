// What every view of the page is made of. Text from the server only ever becomes text nodes.

const SVG = "http://www.w3.org/2000/svg";
const GOOD = new Set(["succeeded", "promoted", "resolved", "ok", "passed"]);
const BAD = new Set(["failed", "rolled-back", "refused", "critical", "degraded"]);
const BUSY = new Set(["running", "warning", "inconclusive"]);

export async function get(path, fields = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined) query.append(name, one);
  }
  const response = await fetch(`api/v1/${path}?${query}`, { headers: { accept: "application/json" } });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.what ?? `HTTP ${response.status}`), { told: body });
  return body;
}

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

export function draw(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Replaces what a node shows only where that changed, so that focus and selection survive a refresh.
export function show(id, nodes) {
  const fresh = make("div", {}, ...nodes);
  const place = document.getElementById(id);
  if (place.innerHTML !== fresh.innerHTML) place.replaceChildren(...fresh.childNodes);
}

export const short = (id) => (id ? id.slice(-8) : "–");
export const moment = (text) => (text ? `${text.slice(0, 10)} ${text.slice(11, 16)}` : "–");
export const percent = (share) => `${Math.round(share * 1000) / 10}%`;
export const number = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : "–");

export function span(seconds) {
  if (seconds === null) return "–";
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const isBad = (word) => BAD.has(word);
export const isGood = (word) => GOOD.has(word);

export function chip(word) {
  const kind = GOOD.has(word) ? "good" : BAD.has(word) ? "bad" : BUSY.has(word) ? "busy" : "";
  return make("span", { class: `chip ${kind}`.trim() }, word);
}

// A heading is a text or a node, a class for its column, and what it tells of the order.
export function table(label, headings, rows) {
  const head = headings.map(([text, kind, sorted]) =>
    make("th", { scope: "col", class: kind ?? "", ...(sorted ? { "aria-sort": sorted } : {}) }, text),
  );
  const body = rows.map((row) =>
    make("tr", {}, ...row.map((cell, place) => make("td", { class: headings[place][1] ?? "" }, ...[cell].flat()))),
  );
  const grid = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
  return make("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, grid);
}

export function empty(text, code) {
  return make("p", { class: "empty" }, `${text} `, code ? make("code", {}, code) : "");
}
