/** The page's connection to the live hub. What arrives is a hint: pages fetch what it speaks of.
 *
 * Pages register with `watch`. While the page is in the background nothing is fetched; coming back, it catches up.
 * While the hub cannot be reached, pages ask now and then: behind a proxy that knows no WebSockets they stay nearly
 * fresh, and who is no longer logged in is sent to the login.
 */

import { connectHub } from "./hub.js";
import { absolute, now, whole } from "./times.js";

const ASK_MS = 10_000;
const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Not live" };
const badge = document.getElementById("live");
const banner = document.getElementById("stale");
const watchers = [];
let isLive = false;
let hasMissed = false;
let knownAt = new Date(now()); // the page was painted then

/**
 * `events(list)` gets status changes, each with a `taskId`; `progress(report)` how far a task is; `catchUp()` is called
 * when anything may have changed: on every connection, and when the page comes back from the background.
 */
export function watch({ events = () => {}, progress = () => {}, catchUp = () => {} }) {
  watchers.push({ events, progress, catchUp });
  if (isLive) catchUp();
}

function tell(kind, news) {
  if (document.hidden) hasMissed = true;
  else for (const watcher of watchers) watcher[kind](news);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !hasMissed) return;
  hasMissed = false;
  tell("catchUp");
});

function show(state) {
  badge.dataset.state = state;
  badge.querySelector(".live-word").textContent = WORDS[state];
  banner.hidden = state !== "reconnecting";
  showAge();
}

function showAge() {
  banner.querySelector("[data-known]").textContent = absolute(knownAt);
  banner.querySelector("[data-age]").textContent = whole((now() - knownAt) / 1000);
}

setInterval(() => banner.hidden || showAge(), 1000);
setInterval(() => isLive || tell("catchUp"), ASK_MS);
document.addEventListener("server-heard", () => (knownAt = new Date(now())));

connectHub({
  url: document.body.dataset.hub,
  onEvents: (events) => tell("events", events),
  onProgress: (report) => tell("progress", report),
  onReady: () => tell("catchUp"),
  onState({ state, since }) {
    isLive = state === "live";
    if (since) knownAt = new Date(now() - (Date.now() - since)); // by the server's clock, like every time here
    show(state);
  },
});
