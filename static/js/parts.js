/** Keeps a page's parts up to date: at once when something happens, then at most once in `data-pause` milliseconds, and
 * every `data-every` milliseconds even if nothing does.
 */

import { coalesced } from "./coalesce.js";
import { watch } from "./live.js";
import { fetchPart, swapAll } from "./swap.js";

const { parts, pause = 1000, every = 15_000 } = document.querySelector("[data-parts]").dataset;

const refresh = coalesced(async () => {
  const fragment = await fetchPart(parts);
  // A list does not move while it is pointed at.
  for (const held of document.querySelectorAll(".panel:has(li:hover), .panel[data-still]:hover")) fragment.getElementById(held.id)?.remove();
  swapAll(fragment);
}, Number(pause));

watch({ events: refresh, catchUp: refresh });
// Silence is news, too: a recorder or worker that stopped sends no events.
setInterval(() => document.hidden || refresh(), Number(every));
