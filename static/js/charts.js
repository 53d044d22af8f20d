/** Draws every `figure[data-chart]` from the table in it, and again whenever that table, the theme or the size changes.
 *
 * A row is a bucket of time (`data-at`, `data-bucket` seconds long), a column with `data-series` is a series. Each gets
 * a pane with a scale of its own, so that few failures are seen beside many successes; all share the axis of time.
 */

import { attachTip } from "./chart_tip.js";
import { axisLabel } from "./chart_times.js";

const { uPlot } = globalThis;
const AXIS_PX = 48;
const TIME_AXIS_PX = 28;
const DAY_SECONDS = 86_400;
const LABEL_PX = 72; // that a label on the axis of time needs
const STEPS = [1, 2, 3, 6, 7, 12, 14, 28, 56, 91, 182, 364]; // buckets from one label to the next
const FINE_STEPS = [1, 2, 4, 6, 12, 24, 36, 60, 72, 120]; // the same where a bucket is less than an hour, or a week has hours
const WHOLE = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap((ten) => [ten, 2 * ten, 5 * ten]);
const compact = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const STYLES = {
  bars: {
    range: (_, __, max) => [0, Math.max(4, max * 1.05)],
    label: (count) => compact.format(count),
    series: (colour) => ({ fill: colour, width: 0, paths: uPlot.paths.bars({ size: [0.82, 40] }), points: { show: false } }),
  },
  lines: {
    range: (_, __, max) => [0, Math.max(4, max * 1.05)],
    label: (count) => compact.format(count),
    series: line,
  },
  times: {
    range: (_, __, max) => [0, Math.max(1, max * 1.05)],
    axis: 60,
    label: (ms) => (ms < 1000 ? `${ms} ms` : `${compact.format(ms / 1000)} s`),
    series: line,
  },
  // A rate near 100 % is looked at closely: its axis begins below the lowest.
  rate: {
    range(_, min) {
      const low = min === null ? 0 : Math.max(0, Math.floor((min - 1) / 5) * 5);
      return [low, 100 + (100 - low) * 0.05];
    },
    label: (percent) => (percent > 100 ? "" : `${percent} %`),
    series: (colour) => ({ stroke: colour, width: 2, points: { show: true, size: 6, fill: colour } }),
  },
};

/** A sample between two gaps is a point, for no line leads to it. */
function line(colour) {
  const alone = ({ data }, series) =>
    [...data[series].keys()].filter((index) => {
      const [before, value, after] = [index - 1, index, index + 1].map((place) => data[series][place] ?? null);
      return value !== null && before === null && after === null;
    });
  return { stroke: colour, width: 2, points: { show: true, size: 5, fill: colour, filter: alone } };
}

/** What the table says. */
function read(table) {
  const rows = [...table.tBodies[0].rows];
  const cells = (heading) => rows.map((row) => row.cells[heading.cellIndex]);
  return {
    bucket: Number(table.dataset.bucket),
    starts: rows.map((row) => Date.parse(row.cells[0].dataset.at) / 1000),
    until: Date.parse(table.dataset.until) / 1000,
    columns: [...table.querySelectorAll("th[data-series]")].map((heading) => ({
      name: heading.textContent,
      key: heading.dataset.series,
      values: cells(heading).map(({ dataset }) => (dataset.value ? Number(dataset.value) : null)),
      texts: cells(heading).map((cell) => cell.textContent),
    })),
  };
}

function draw(figure) {
  const panes = [...figure.querySelectorAll("[data-pane]")];
  let told;
  function refresh() {
    told = read(figure.querySelector("table"));
    const isEmpty = told.columns.every(({ values }) => values.every((value) => !value));
    figure.querySelector(".chart-plot").toggleAttribute("data-is-empty", isEmpty);
  }
  refresh();
  const sync = panes.length > 1 ? uPlot.sync(figure.id) : null;
  const charts = panes.map((pane) => {
    const data = () => dataOf(pane, told);
    return { data, plot: new uPlot(options(figure, pane, () => told, sync), data(), pane), pane };
  });
  // A live update puts a new table in place of the old one.
  new MutationObserver(() => {
    refresh();
    for (const { plot, data } of charts) plot.setData(data());
  }).observe(figure.querySelector(".chart-table"), { childList: true });
  new ResizeObserver(() => {
    for (const { plot, pane } of charts) plot.setSize({ width: pane.clientWidth, height: pane.clientHeight });
  }).observe(figure);
  return charts.map(({ plot }) => plot);
}

/** The middles of the buckets, and the pane's values. */
function dataOf(pane, { starts, bucket, columns }) {
  return [starts.map((start) => start + bucket / 2), columns.find(({ key }) => key === pane.dataset.pane).values];
}

function options(figure, pane, told, sync) {
  const style = STYLES[figure.dataset.chart];
  const computed = (selector, property) => () => getComputedStyle(figure.querySelector(selector))[property];
  // One pane needs no name beside its heading.
  const name = sync ? told().columns.find(({ key }) => key === pane.dataset.pane).name : undefined;
  const isLast = pane.matches(":last-child");
  const axis = { stroke: computed("details", "color"), font: `12px ${getComputedStyle(figure).fontFamily}`, ticks: { show: false } };
  return {
    width: pane.clientWidth,
    height: pane.clientHeight,
    padding: [10, 20, isLast ? 0 : 8, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false }, sync: sync && { key: sync.key, scales: ["x", null] } },
    scales: { x: { range: () => [told().starts[0], told().until] }, y: { range: style.range } },
    series: [{}, style.series(computed(`th[data-series="${pane.dataset.pane}"]`, "borderBottomColor"))],
    axes: [
      {
        ...axis,
        show: isLast,
        size: TIME_AXIS_PX,
        gap: 8,
        grid: { show: false },
        splits: (plot) => labelled(plot, told()),
        values: (_, middles) => middles.map((middle) => axisLabel(middle - told().bucket / 2, told())),
      },
      {
        ...axis,
        size: style.axis ?? AXIS_PX,
        space: 28,
        label: name,
        labelSize: 20,
        labelGap: 0,
        labelFont: axis.font,
        incrs: WHOLE,
        grid: { stroke: computed("details", "borderTopColor"), width: 1 },
        values: (_, values) => values.map(style.label),
      },
    ],
    plugins: [attachTip(told)],
  };
}

/** The middles of the buckets that get a label. */
function labelled(plot, { starts, until, bucket }) {
  const room = Math.max(1, Math.floor(plot.bbox.width / devicePixelRatio / LABEL_PX));
  const count = Math.round((until - starts[0]) / bucket);
  const isFine = bucket < DAY_SECONDS && count > 24;
  const steps = isFine ? FINE_STEPS : STEPS;
  const step = steps.find((one) => count / one <= room) ?? steps.at(-1);
  // Fine buckets begin anywhere in the hour: what is labelled are whole minutes and hours.
  const skipped = isFine ? (step - ((starts[0] / bucket) % step)) % step : 0;
  const length = Math.max(0, Math.ceil((count - skipped) / step));
  return Array.from({ length }, (_, index) => starts[0] + (skipped + index * step + 0.5) * bucket);
}

const plots = [...document.querySelectorAll("figure[data-chart]")].flatMap(draw);
const redraw = () => plots.forEach((plot) => plot.redraw());
document.addEventListener("theme-chosen", redraw);
document.addEventListener("zone-chosen", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
