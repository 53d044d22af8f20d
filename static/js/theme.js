/** Remembers the viewer's choices of theme and time zone in cookies, so that the server paints the next page with them. */

const YEAR_SECONDS = 31_536_000;

for (const group of document.querySelectorAll("[data-choice]")) {
  const name = group.dataset.choice;
  for (const input of group.querySelectorAll("input")) input.checked = input.value === document.documentElement.dataset[name];
  group.addEventListener("change", (event) => choose(name, event.target.value));
}

function choose(name, value) {
  document.documentElement.dataset[name] = value;
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  document.dispatchEvent(new Event(`${name}-chosen`));
}

// The menu closes like a menu: by Escape and by a click elsewhere.
const menu = document.querySelector(".menu");
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
