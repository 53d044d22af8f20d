/** Draws every `[data-graph]` from the table of steps that it names, left to right, and colours it anew when that changes.
 *
 * A row is a step: `data-step` is its name, `data-after` those that it depends on, `data-shape` and `data-word` its status,
 * `data-note` what else is known. The steps of a workflow stay the same, so the layout is made once.
 */

const SVG = document.querySelector("svg").namespaceURI;
const SIZE = { width: 168, height: 48 };
const TEXT_X = 12;
const ICON_PX = 20; // with the distance to the text
const SMALLEST = 0.2;
const LARGEST = 2;
const READABLE = 0.7; // to show less than this of a large graph is left to the viewer
const TURN = 1.25;

for (const figure of document.querySelectorAll("[data-graph]")) begin(figure);

async function begin(figure) {
  const section = () => document.getElementById(figure.dataset.graph);
  const rows = () => [...section().querySelectorAll("tr[data-step]")];
  if (!rows().length) return;
  figure.hidden = false;
  const drawing = await draw(rows());
  const box = figure.querySelector(".graph-box");
  const colour = () => {
    for (const row of rows()) paint(drawing.nodes.get(row.dataset.step), row, figure.dataset.icons);
    paintEdges(drawing.edges, rows());
  };
  colour();
  box.replaceChildren(drawing.svg);
  const zoom = zoomOf(drawing, box);
  figure.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button) zoom(Number(button.dataset.zoom));
  });
  // The section itself is replaced by live updates.
  new MutationObserver(() => section() && colour()).observe(section().parentElement, { childList: true });
}

// --- Drawing --------------------------------------------------------------------------------------------------------

async function draw(rows) {
  const names = rows.map((row) => row.dataset.step);
  const edges = rows.flatMap((row) => needs(row).map((needed) => [needed, row.dataset.step]));
  const { width, height, places, lines } = await laidOut({ names, edges, size: SIZE });
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The steps, each before those that depend on it" });
  const paths = edges.map(([from, to], index) => ({ from, to, path: make("path", { d: line(lines[index]) }) }));
  const nodes = new Map(rows.map((row, index) => [names[index], node(row, places[index])]));
  svg.append(...paths.map(({ path }) => path), ...[...nodes.values()].map(({ root }) => root));
  return { svg, nodes, edges: paths, width, height };
}

function needs(row) {
  return row.dataset.after.split(" ").filter(Boolean);
}

/** Elsewhere, so that the page can be used meanwhile. */
function laidOut(graph) {
  const worker = new Worker(new URL("./graph_layout.js", import.meta.url), { type: "module" });
  return new Promise((resolve) => {
    worker.addEventListener("message", ({ data }) => {
      worker.terminate();
      resolve(data);
    });
    worker.postMessage(graph);
  });
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
  root.setAttribute("transform", `translate(${x - SIZE.width / 2},${y - SIZE.height / 2})`);
  const title = make("title", {});
  const frame = make("rect", { class: "graph-frame", ...SIZE, rx: 4, "aria-hidden": "true" });
  frame.append(title);
  const x0 = row.dataset.shape ? TEXT_X + ICON_PX : TEXT_X;
  const window = make("svg", { x: x0, width: SIZE.width - x0 - 8, height: SIZE.height }); // cuts long names
  const label = make("text", { class: "graph-name", y: 20 });
  label.textContent = name;
  window.append(label);
  const icon = make("use", { x: 10, y: 8, width: 16, height: 16 });
  const word = make("text", { class: "graph-word", x: x0, y: 37 });
  root.append(frame, icon, window, " ", word);
  return { root, title, icon, word };
}

// --- What changes ---------------------------------------------------------------------------------------------------

function paint({ root, title, icon, word }, row, icons) {
  const { step, shape = "", word: told, note } = row.dataset;
  const isCritical = "critical" in row.dataset;
  const isChosen = row.querySelector("[aria-current]") !== null;
  const text = note ? `${told} · ${note}` : told;
  const says = `${step} ${text}${isCritical ? ", on the critical path" : ""}`;
  const classes = ["graph-node", shape && `status-${shape}`, isCritical && "is-critical", isChosen && "is-chosen"];
  set(root, "class", classes.filter(Boolean).join(" "));
  if (root.localName === "a") set(root, "aria-label", says);
  if (isChosen) set(root, "aria-current", "true");
  else root.removeAttribute("aria-current");
  if (shape) set(icon, "href", `${icons}#${shape}`);
  if (title.textContent !== says) title.textContent = says;
  if (word.textContent !== text) word.textContent = text;
}

/** An edge is on the critical path if it leads from one of its steps to the next. */
function paintEdges(edges, rows) {
  const critical = rows.filter((row) => "critical" in row.dataset).map((row) => row.dataset.step);
  const next = new Map(critical.map((name, index) => [name, critical[index + 1]]));
  for (const { from, to, path } of edges) set(path, "class", next.get(from) === to ? "graph-edge is-critical" : "graph-edge");
}

// --- Zoom -----------------------------------------------------------------------------------------------------------

/** Shows the whole width if it can be read then, from the middle; 1 and -1 go on from there, 0 shows the whole. */
function zoomOf({ svg, width, height }, box) {
  const wide = () => Math.min(1, box.clientWidth / width);
  const whole = () => Math.min(wide(), parseFloat(getComputedStyle(box).maxHeight) / height);
  let scale = Math.max(READABLE, wide());
  const apply = () => {
    set(svg, "width", Math.floor(width * scale));
    set(svg, "height", Math.floor(height * scale));
  };
  apply();
  box.scrollTop = (height * scale - box.clientHeight) / 2;
  return (turn) => {
    scale = Math.max(SMALLEST, turn ? Math.min(LARGEST, scale * TURN ** turn) : whole());
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
