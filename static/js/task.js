/** Keeps a task's page up to date: its parts are fetched when one of its statuses changes, its progress moves by itself.
 *
 * Why it waits, and how many are before it, changes with other tasks: that is asked for every few seconds.
 */

import { coalesced } from "./coalesce.js";
import { watch } from "./live.js";
import "./progress.js";
import { fetchPart, swapAll } from "./swap.js";

const PAUSE_MS = 200;
const WAITING_MS = 3_000;
const { task, parts } = document.querySelector("[data-parts]").dataset;

const refresh = coalesced(async () => swapAll(await fetchPart(parts)), PAUSE_MS);

watch({
  events: (events) => events.some(({ taskId }) => taskId === task) && refresh(),
  catchUp: refresh,
});

setInterval(() => {
  if (!document.hidden && document.querySelector("#task-waiting:not([hidden])")) refresh();
}, WAITING_MS);
