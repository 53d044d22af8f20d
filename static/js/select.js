/** The list's boxes: how many are ticked, all of a page or all that match at once, a range with Shift.
 *
 * The boxes belong to the form `bulk` and are sent by it, so without this module only the counting is missing.
 */

const bar = document.getElementById("bulk");
let last = null; // the box that was ticked or cleared last, where a range begins

const boxes = () => [...document.querySelectorAll("input[name=job_id][form=bulk]")];
const ofPage = () => document.getElementById("select-page");
const ofAll = () => document.getElementById("select-all");

document.addEventListener("click", (event) => {
  const box = event.target.closest("input[name=job_id][form=bulk]");
  if (box) return tick(box, event.shiftKey);
  if (event.target.closest(".bulk-clear")) return clear();
});

document.addEventListener("change", (event) => {
  if (event.target === ofPage()) for (const box of boxes()) box.checked = ofPage().checked;
  if (event.target.closest("#select-page, #select-all")) show();
});

// Rows that live updates bring keep their ticks; what is counted may have changed.
new MutationObserver(show).observe(document.getElementById("content"), { childList: true, subtree: true });
show();

function tick(box, isRange) {
  const all = boxes();
  const ends = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
  if (isRange && ends[0] >= 0) for (const between of all.slice(ends[0], ends[1])) between.checked = box.checked;
  last = box;
  show();
}

function clear() {
  for (const box of [...boxes(), ofAll()]) box.checked = false;
  show();
}

function show() {
  if (!bar) return;
  const all = boxes();
  const ticked = all.filter((box) => box.checked).length;
  const page = ofPage();
  if (page) {
    page.checked = ticked > 0 && ticked === all.length;
    page.indeterminate = ticked > 0 && ticked < all.length;
  }
  const everything = ofAll().checked;
  const count = bar.querySelector("[data-selected]");
  const text = ticked.toLocaleString("en");
  if (count.textContent !== text) count.textContent = text;
  bar.classList.toggle("takes-all", everything);
  bar.classList.toggle("is-idle", !ticked && !everything);
}
