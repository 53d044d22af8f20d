/** Keeps a workflow's page up to date, and shows the step that is chosen without loading the page anew.
 *
 * An event concerns it if it is of the workflow's handler or of a task that a row names; what changes without an event
 * (a pause, a step that waits for its time) is asked for every few seconds.
 */

import { coalesced } from "./coalesce.js";
import { watch } from "./live.js";
import { fetchPart, swapAll } from "./swap.js";

const PAUSE_MS = 1_000;
const SILENCE_MS = 5_000;
const REST_MS = 30_000; // the same once it is over
const { handler, parts } = document.querySelector("[data-parts]").dataset;

const refresh = coalesced(async () => swapAll(await fetchPart(parts + location.search)), PAUSE_MS);

const concerns = ({ taskId, taskHandlerType }) =>
  taskHandlerType === handler || document.querySelector(`[data-task-id="${CSS.escape(taskId)}"]`) !== null;

const isOver = () => "over" in document.getElementById("workflow-head").dataset;

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-choose]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const query = new URLSearchParams(location.search);
  query.set("step", link.dataset.choose);
  history.pushState(null, "", `?${query}`);
  await show();
  document.getElementById("step").scrollIntoView({ block: "nearest" });
});
addEventListener("popstate", show);

/** At once, whatever else is being fetched; should that arrive later, it is of the same address. */
async function show() {
  try {
    swapAll(await fetchPart(parts + location.search));
  } catch {
    location.reload();
  }
}

watch({ events: (events) => events.some(concerns) && refresh(), catchUp: refresh });
setInterval(() => document.hidden || isOver() || refresh(), SILENCE_MS);
setInterval(() => document.hidden || refresh(), REST_MS);
