/** Keeps the overview's parts up to date: at once when something happens, then at most once a second. */

import { coalesced } from "./coalesce.js";
import { watch } from "./live.js";
import { fetchPart, swapAll } from "./swap.js";

const PAUSE_MS = 1000;
const HEALTH_MS = 15_000;
const { parts } = document.querySelector("[data-parts]").dataset;

const refresh = coalesced(async () => {
  const fragment = await fetchPart(parts);
  // A list does not move while it is pointed at.
  for (const held of document.querySelectorAll(".panel:has(li:hover)")) fragment.getElementById(held.id).remove();
  swapAll(fragment);
}, PAUSE_MS);

watch({ events: refresh, catchUp: refresh });
// Silence is news for the health sentence: a recorder that stopped sends no events.
setInterval(() => document.hidden || refresh(), HEALTH_MS);
