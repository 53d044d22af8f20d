/** Keeps the task list's rows up to date where they stand. New tasks wait behind a button, so that nothing moves.
 *
 * Events only name tasks; rows are fetched, many in one request and one request at a time, so that a hundred changes
 * a second cost a few requests.
 */

import { coalesced } from "./coalesce.js";
import { watch } from "./live.js";
import "./progress.js";
import { fetchPart, swap, swapAll } from "./swap.js";

const IDS_LIMIT = 100; // of one request, as the server has it
const ROWS_PAUSE_MS = 20;
const FIGURES_PAUSE_MS = 2000;
const SILENCE_MS = 15_000;
const SETTLING_MS = 1500;

const changed = new Set(); // shown, and fetched next
const unknown = new Set(); // not shown, and asked about next
const waiting = new Set(); // not shown, known to belong on this page
let isBehind = false; // what happened is not known, so ask for everything

const table = () => document.getElementById("task-table");
const isShown = (id) => document.getElementById(`task-${id}`) !== null;
const shownIds = () => [...document.querySelectorAll("tr[data-task]")].map((row) => row.dataset.task);

const refreshRows = coalesced(async () => {
  if (isBehind) for (const id of shownIds()) changed.add(id);
  const ids = take(changed);
  const asked = take(unknown);
  const everything = isBehind;
  isBehind = false;
  if (!ids.length && !asked.length && !everything) return;
  const answer = await fetchPart(address(table().dataset.rows, { ids, new: everything ? ["any"] : asked }));
  markGone(ids.filter((id) => !answer.getElementById(`task-${id}`)));
  const fresh = swapAll(answer);
  if (everything) waiting.clear();
  for (const id of asked) waiting.delete(id);
  for (const row of fresh) waiting.add(row.dataset.task);
  markElsewhere();
  showWaiting();
  if (changed.size || unknown.size) refreshRows();
}, ROWS_PAUSE_MS);

const refreshFigures = coalesced(async () => {
  swapAll(await fetchPart(address(table().dataset.counts, {})));
}, FIGURES_PAUSE_MS);

/** The list's own address with more parameters, so that the server applies its filters. */
function address(path, lists) {
  const query = new URLSearchParams(location.search);
  for (const [name, ids] of Object.entries(lists)) if (ids.length) query.set(name, ids.join(","));
  if (!takesNew()) query.delete("new");
  else if (table().dataset.since) query.set("since", table().dataset.since);
  return `${path}?${query}`;
}

function takesNew() {
  return "takesNew" in table().dataset;
}

/** Removes and returns what fits into one request. */
function take(ids) {
  const some = [...ids].slice(0, IDS_LIMIT);
  for (const id of some) ids.delete(id);
  return some;
}

/** Rows stay where they are when they stop matching the list's status; they only step back. */
function markElsewhere() {
  const statuses = table().dataset.statuses.split(" ").filter(Boolean);
  for (const row of document.querySelectorAll("tr[data-task]")) {
    row.classList.toggle("is-elsewhere", statuses.length > 0 && !statuses.includes(row.dataset.status));
  }
}

/** Tasks that somebody removed leave their rows, so that nothing moves; there is nothing more to do with them. */
function markGone(ids) {
  for (const row of ids.map((id) => document.getElementById(`task-${id}`)).filter(Boolean)) {
    row.classList.add("is-gone");
    const mark = row.querySelector(".status");
    if (mark) Object.assign(mark, { className: "status status-cancelled", textContent: "Removed" });
    const box = row.querySelector("input[type=checkbox]");
    if (box) Object.assign(box, { checked: false, disabled: true });
  }
}

function showWaiting() {
  const button = document.getElementById("new-tasks");
  button.hidden = waiting.size === 0;
  button.textContent = waiting.size < IDS_LIMIT ? `${waiting.size} new` : `${IDS_LIMIT}+ new`;
}

/** The button's deed: the page as it would be painted now. */
async function repaint() {
  const page = await fetchPart(location.href);
  waiting.clear();
  for (const id of ["task-tabs", "task-table", "task-pager"]) {
    swap(document.getElementById(id), page.getElementById(id));
  }
  showWaiting();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#new-tasks")) repaint().catch(() => location.reload());
});

function catchUp() {
  isBehind = true;
  refreshRows();
  refreshFigures();
}

watch({
  events(events) {
    for (const { taskId } of events) {
      if (isShown(taskId)) changed.add(taskId);
      else if (takesNew() && (waiting.has(taskId) || waiting.size < IDS_LIMIT)) unknown.add(taskId);
    }
    refreshRows();
    refreshFigures();
  },
  catchUp,
});
// Silence is news, too: a task that is removed sends no event. Whoever has just removed some looks at once.
setInterval(() => document.hidden || catchUp(), SILENCE_MS);
if (document.querySelector(".flash")) setTimeout(catchUp, SETTLING_MS);
