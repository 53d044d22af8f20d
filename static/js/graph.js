/** Draws every `[data-graph]` from the table of steps that it names, left to right, and colours it anew when that changes.
 *
 * A row is a step: `data-step` is its name, `data-after` those that it depends on, `data-shape` and `data-word` its status,
 * `data-note` what else is known. The steps of a workflow stay the same, so the layout is made once.
 */

import { Graph, layout } from "../vendor/dagre/dagre.esm.js";

const SVG = "http://www.w3.org/2000/svg";
const NODE = { width: 168, height: 48 };
const NAME_LENGTH = 19;
const MARGIN = 16;
const SMALLEST = 0.3;
const READABLE = 0.6; // smaller is left to the viewer
const STEP = 1.25;

function begin(figure) {
  const section = () => document.getElementById(figure.dataset.graph);
  const rows = () => [...section().querySelectorAll("tr[data-step]")];
  if (!rows().length) return;
  const drawing = draw(rows(), figure.dataset.icons);
  const box = figure.querySelector(".graph-box");
  box.append(drawing.svg);
  figure.hidden = false;
  const zoom = zoomOf(drawing, box);
  figure.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button) zoom(Number(button.dataset.zoom));
  });
  const colour = () => rows().forEach((row) => paint(drawing.nodes.get(row.dataset.step), row, figure.dataset.icons));
  colour();
  paintEdges(drawing, rows());
  // The section itself is replaced by live updates.
  new MutationObserver(() => section() && (colour(), paintEdges(drawing, rows()))).observe(section().parentElement, { childList: true });
}

// --- The layout -----------------------------------------------------------------------------------------------------

function draw(rows, icons) {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 48, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const row of rows) graph.setNode(row.dataset.step, { ...NODE });
  for (const row of rows) for (const needed of needs(row)) graph.setEdge(needed, row.dataset.step);
  layout(graph);
  const { width, height } = graph.graph();
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The steps, each before those that depend on it" });
  const edges = graph.edges().map((edge) => {
    const path = make("path", { d: line(graph.edge(edge).points), class: "graph-edge" });
    svg.append(path);
    return { from: edge.v, to: edge.w, path };
  });
  const nodes = new Map(rows.map((row) => [row.dataset.step, node(row, graph.node(row.dataset.step))]));
  for (const { root } of nodes.values()) svg.append(root);
  return { svg, nodes, edges, width, height };
}

function needs(row) {
  return row.dataset.after.split(" ").filter(Boolean);
}

/** A smooth line through the points. */
function line([first, ...others]) {
  const last = others.at(-1);
  let path = `M${first.x},${first.y}`;
  others.slice(0, -1).forEach((point, index) => {
    const next = others[index + 1];
    const end = next === last ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    path += `Q${point.x},${point.y} ${end.x},${end.y}`;
  });
  return others.length === 1 ? `${path}L${last.x},${last.y}` : path;
}

function node(row, { x, y }) {
  const name = row.dataset.step;
  const link = row.querySelector("a[data-choose]");
  const root = link ? make("a", { href: link.getAttribute("href"), "data-choose": name }) : make("g", {});
  root.setAttribute("transform", `translate(${x - NODE.width / 2},${y - NODE.height / 2})`);
  const title = make("title", {});
  const frame = make("rect", { class: "graph-frame", width: NODE.width, height: NODE.height, rx: 4 });
  const label = make("text", { class: "graph-name", x: 32, y: 20 });
  label.textContent = name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name;
  const icon = make("use", { x: 10, y: 8, width: 16, height: 16 });
  const word = make("text", { class: "graph-word", x: 32, y: 37 });
  root.append(title, frame, icon, label, word);
  return { root, title, icon, word };
}

// --- What changes ---------------------------------------------------------------------------------------------------

function paint({ root, title, icon, word }, row, icons) {
  const { step, shape = "", word: told, note } = row.dataset;
  const isCritical = "critical" in row.dataset;
  const text = note ? `${told} · ${note}` : told;
  const isChosen = row.querySelector("[aria-current]") !== null;
  const says = `${step}: ${text}${isCritical ? ", on the critical path" : ""}`;
  set(root, "class", `graph-node ${shape && `status-${shape}`}${isCritical ? " is-critical" : ""}${isChosen ? " is-chosen" : ""}`);
  if (root.localName === "a") set(root, "aria-label", says);
  if (isChosen) root.setAttribute("aria-current", "true");
  else root.removeAttribute("aria-current");
  if (shape) set(icon, "href", `${icons}#${shape}`);
  if (title.textContent !== says) title.textContent = says;
  if (word.textContent !== text) word.textContent = text;
}

/** The path in its order: an edge is on it if it leads from one of its steps to the next. */
function paintEdges({ edges }, rows) {
  const path = rows.filter((row) => "critical" in row.dataset).map((row) => row.dataset.step);
  const follows = new Map(path.map((name, index) => [name, path[index + 1]]));
  for (const { from, to, path } of edges) set(path, "class", follows.get(from) === to ? "graph-edge is-critical" : "graph-edge");
}

// --- Zoom -----------------------------------------------------------------------------------------------------------

/** Shows the whole if it can be read then, else its middle; 1 and -1 go on from there, 0 shows the whole. */
function zoomOf({ svg, width, height }, box) {
  const fit = () => Math.min(1, box.clientWidth / width, parseFloat(getComputedStyle(box).maxHeight) / height);
  let scale = Math.max(READABLE, fit());
  const apply = () => {
    set(svg, "width", Math.round(width * scale));
    set(svg, "height", Math.round(height * scale));
  };
  apply();
  box.scrollTop = (height * scale - box.clientHeight) / 2;
  return (turn) => {
    scale = turn ? Math.min(2, Math.max(SMALLEST, scale * STEP ** turn)) : Math.max(SMALLEST, fit());
    apply();
  };
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

for (const figure of document.querySelectorAll("[data-graph]")) begin(figure);
