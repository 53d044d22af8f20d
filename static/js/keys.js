/** The keyboard: `/` finds, `?` helps, `g` and a letter goes to a page, `j` and `k` walk through rows, `n` shows new ones, `x` ticks a row. */

const LEADER_MS = 1500;
const dialog = document.getElementById("keys");
let leaderAt = -Infinity;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") return leaveField();
  if (isTyping(event.target) || dialog.open) return;
  const follows = event.timeStamp - leaderAt < LEADER_MS;
  leaderAt = -Infinity;
  const deed = follows ? goTo(event.key) : DEEDS[event.key];
  if (!deed) return;
  event.preventDefault();
  deed(event);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-opens=keys]")) dialog.showModal();
  if (event.target === dialog) dialog.close(); // the backdrop
});

const DEEDS = {
  "/": () => document.getElementById(document.getElementById("search") ? "search" : "find").select(),
  "?": () => dialog.showModal(),
  g: (event) => (leaderAt = event.timeStamp),
  j: () => walk(1),
  k: () => walk(-1),
  n: () => document.getElementById("new-tasks")?.click(),
  x: () => document.activeElement.closest("tr, li")?.querySelector("input[type=checkbox]")?.click(),
};

function goTo(letter) {
  const link = document.querySelector(`[data-go="${CSS.escape(letter)}"]`);
  return link && (() => link.click());
}

/** Rows are walked by focusing their links, so Enter, screen readers and live updates need nothing more. */
function walk(step) {
  const links = [...document.querySelectorAll(".row-link")];
  const row = document.activeElement.closest("tr, li");
  const index = links.findIndex((link) => row?.contains(link));
  const next = links[index < 0 ? (step > 0 ? 0 : links.length - 1) : index + step];
  next?.focus({ preventScroll: true });
  next?.closest("tr, li").scrollIntoView({ block: "nearest" });
}

function isTyping(element) {
  return element.matches("input:not([type=radio], [type=checkbox]), select, textarea, [contenteditable]");
}

function leaveField() {
  if (isTyping(document.activeElement)) document.activeElement.blur();
}
