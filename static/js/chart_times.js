/** Words for a chart's buckets of time. Hours are told in the viewer's zone or UTC, as chosen; days are UTC's. */

const DAY_SECONDS = 86_400;

function words(seconds, options) {
  return new Intl.DateTimeFormat("en-GB", options).format(new Date(seconds * 1000));
}

function clock(seconds, options = {}) {
  const timeZone = document.documentElement.dataset.zone === "utc" ? "UTC" : undefined;
  return words(seconds, { hour: "2-digit", minute: "2-digit", timeZone, ...options });
}

function day(seconds, options = {}) {
  return words(seconds, { day: "numeric", month: "short", timeZone: "UTC", ...options });
}

/** What stands under the bucket that starts then. */
export function axisLabel(start, { bucket, starts, until }) {
  const isLongInHours = bucket < DAY_SECONDS && until - starts[0] > 2 * DAY_SECONDS;
  if (isLongInHours) return clock(start, { hour: undefined, minute: undefined, day: "numeric", month: "short" });
  if (bucket < DAY_SECONDS) return clock(start);
  const isLong = until - starts[0] > 300 * DAY_SECONDS;
  return isLong ? words(start, { month: "short", year: "numeric", timeZone: "UTC" }) : day(start);
}

/** The bucket that starts then, in full. */
export function bucketLabel(start, { bucket }) {
  const exact = bucket < 60 ? { second: "2-digit" } : {};
  if (bucket < DAY_SECONDS) return `${clock(start, exact)} – ${clock(start + bucket, exact)}`;
  if (bucket === DAY_SECONDS) return day(start, { weekday: "short", year: "numeric" });
  return `${day(start)} – ${day(start + bucket - DAY_SECONDS, { year: "numeric" })}`;
}
