/** Keeps a task's page up to date: its parts are fetched when one of its statuses changes, its progress moves by itself. */

import { coalesced } from "./coalesce.js";
import { watch } from "./live.js";
import "./progress.js";
import { fetchPart, swapAll } from "./swap.js";

const PAUSE_MS = 200;
const { task, parts } = document.querySelector("[data-parts]").dataset;

const refresh = coalesced(async () => swapAll(await fetchPart(parts)), PAUSE_MS);

watch({
  events: (events) => events.some(({ taskId }) => taskId === task) && refresh(),
  catchUp: refresh,
});
