/** Shows what a schedule means while it is being written: its words and its next runs, or what is wrong with it. */

import { coalesced } from "./coalesce.js";
import { fetchPart, swapAll } from "./swap.js";

const PAUSE_MS = 300;
const form = document.querySelector("form[data-preview]");
const names = form.dataset.when.split(" ");

const refresh = coalesced(async () => {
  const address = new URL(form.dataset.preview, location.href);
  const given = new FormData(form);
  for (const name of names) if (given.has(name)) address.searchParams.set(name, given.get(name));
  swapAll(await fetchPart(address));
}, PAUSE_MS);

form.addEventListener("input", ({ target }) => names.includes(target.name) && refresh());
