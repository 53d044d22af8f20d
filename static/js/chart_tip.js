/** Shows all figures of the bucket that is pointed at. Hidden from screen readers, which have the table. */

import { bucketLabel } from "./chart_times.js";

const AWAY_PX = 12;

/** A plugin for the chart; `told()` is what its table says. */
export function attachTip(told) {
  const tip = element("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  return {
    hooks: {
      init: (plot) => plot.over.append(tip),
      setCursor: (plot) => show(tip, plot, told()),
    },
  };
}

function show(tip, plot, { starts, columns, bucket }) {
  const { idx, left } = plot.cursor;
  tip.hidden = idx == null || !plot.over.matches(":hover"); // a pane beside this one may be pointed at
  if (tip.hidden) return;
  const figures = columns.flatMap(({ name, texts }) => [element("span", name), element("strong", texts[idx])]);
  tip.replaceChildren(element("p", bucketLabel(starts[idx], { bucket })), ...figures);
  const isTight = left + AWAY_PX + tip.offsetWidth > plot.over.clientWidth;
  tip.style.transform = `translate(${isTight ? left - tip.offsetWidth - AWAY_PX : left + AWAY_PX}px, 8px)`;
}

function element(kind, text = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}
