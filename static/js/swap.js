/** Fetches parts of pages and puts them where they belong: an element replaces the one with the same id. */

import { refreshTimes } from "./times.js";

const FOCUSABLE = "a, button, summary, input, select, textarea";

/** The part at `url` as a fragment. Throws when the server cannot give it; a session that has ended reloads the page. */
export async function fetchPart(url) {
  const response = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (response.redirected) {
    location.reload(); // to the login, and back here after it
    throw new Error("The session has ended.");
  }
  document.dispatchEvent(new Event("server-heard"));
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  return template.content;
}

/** Replaces every element of the page that the fragment has a newer version of; returns those that the page lacks. */
export function swapAll(fragment) {
  const unknown = [];
  for (const fresh of [...fragment.children]) {
    const shown = document.getElementById(fresh.id);
    if (shown) swap(shown, fresh);
    else unknown.push(fresh);
  }
  return unknown;
}

/** Puts `fresh` in place of `shown` unless they say the same; what is unfolded or focused stays so. */
export function swap(shown, fresh) {
  if (saysTheSame(shown, fresh)) return;
  for (const details of shown.querySelectorAll("details[data-keep][open]")) {
    const twin = fresh.querySelector(`details[data-keep="${CSS.escape(details.dataset.keep)}"]`);
    if (twin) twin.open = true;
  }
  keepInput(shown, fresh);
  const focused = [...shown.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  shown.replaceWith(fresh);
  refreshTimes(fresh);
  if (focused >= 0) fresh.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
}

/** What a person ticked, chose or typed meanwhile is theirs, whatever the server sends. */
function keepInput(shown, fresh) {
  for (const field of shown.querySelectorAll("input[id], select[id], textarea[id]")) {
    const twin = fresh.querySelector(`#${CSS.escape(field.id)}`);
    if (!twin) continue;
    if (field.type === "checkbox") {
      twin.checked = field.checked;
      twin.indeterminate = field.indeterminate;
    } else if (field.value !== (field.defaultValue ?? twin.value)) {
      twin.value = field.value;
    }
  }
}

function saysTheSame(shown, fresh) {
  return bare(shown).isEqualNode(bare(fresh));
}

/** A copy without what the page itself changes as time goes by. */
function bare(element) {
  const copy = element.cloneNode(true);
  copy.removeAttribute("class");
  for (const time of copy.querySelectorAll("time")) {
    time.textContent = "";
    time.removeAttribute("title");
  }
  for (const details of copy.querySelectorAll("details")) details.open = false;
  for (const token of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) token.remove(); // another in each answer
  for (const button of copy.querySelectorAll("[data-copied]")) button.removeAttribute("data-copied");
  return copy;
}
