/** Keeps relative times and running clocks fresh, and writes times in the viewer's zone or UTC, as chosen.
 *
 * The words are those of monitoring/templatetags/times.py. The server's clock counts, not the viewer's.
 */

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
const ABSOLUTE_AFTER_SECONDS = 30 * 86_400;
const aheadMs = new Date(document.body.dataset.now || Date.now()).getTime() - Date.now();

/** Milliseconds since 1970 by the server's clock. */
export function now() {
  return Date.now() + aheadMs;
}

/** "12 s ago", "in 3 min", "now"; the date when it is more than 30 days away. */
export function relative(moment, reference = now()) {
  const seconds = (reference - moment.getTime()) / 1000;
  const distance = Math.abs(seconds);
  if (distance >= ABSOLUTE_AFTER_SECONDS) return absolute(moment).slice(0, 10);
  if (distance < 1) return "now";
  const [size, unit] = UNITS.find(([size]) => distance >= size);
  const words = `${Math.floor(distance / size)} ${unit}`;
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

/** At most two units: "12 s", "3 min 5 s", "2 d 4 h". */
export function whole(seconds) {
  let rest = Math.round(seconds);
  const parts = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count) parts.push(`${count} ${unit}`);
    if (parts.length === 2 || (parts.length && !count)) break;
  }
  return parts.join(" ") || "0 s";
}

/** "2025-01-15 10:00:05 UTC", or the same in the viewer's zone with its offset. */
export function absolute(moment) {
  if (document.documentElement.dataset.zone === "utc") return `${stamp(moment)} UTC`;
  const offset = -moment.getTimezoneOffset();
  const local = stamp(new Date(moment.getTime() + offset * 60_000));
  const sign = offset < 0 ? "-" : "+";
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${local} UTC${sign}${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

/** "10:00", or "10:00 UTC" by choice. */
function clock(moment) {
  const text = absolute(moment);
  return text.slice(11, 16) + (text.endsWith(" UTC") ? " UTC" : "");
}

function stamp(moment) {
  return moment.toISOString().slice(0, 19).replace("T", " ");
}

/** Rewrites the times below `root`. */
export function refreshTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if ("absolute" in element.dataset) write(element, absolute(moment));
    else if ("clock" in element.dataset) write(element, clock(moment), absolute(moment));
    else if ("running" in element.dataset) write(element, whole(Math.max(0, (now() - moment) / 1000)), `since ${absolute(moment)}`);
    else write(element, relative(moment), absolute(moment));
  }
}

function write(element, text, title = "") {
  if (element.textContent !== text) element.textContent = text;
  if (title && element.title !== title) element.title = title;
}

refreshTimes();
setInterval(() => document.hidden || refreshTimes(), 1000);
document.addEventListener("zone-chosen", () => refreshTimes());
