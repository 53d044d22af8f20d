/** Words for a chart's buckets of time. Hours are told in the viewer's zone or UTC, as chosen; days are UTC's. */

const DAY_SECONDS = 86_400;

function words(seconds, options) {
  return new Intl.DateTimeFormat("en-GB", options).format(new Date(seconds * 1000));
}

function clock(seconds) {
  const timeZone = document.documentElement.dataset.zone === "utc" ? "UTC" : undefined;
  return words(seconds, { hour: "2-digit", minute: "2-digit", timeZone });
}

function day(seconds, options = {}) {
  return words(seconds, { day: "numeric", month: "short", timeZone: "UTC", ...options });
}

/** What stands under the bucket that starts then. */
export function axisLabel(start, { bucket, starts, until }) {
  if (bucket < DAY_SECONDS) return clock(start);
  const isLong = until - starts[0] > 300 * DAY_SECONDS;
  return isLong ? words(start, { month: "short", year: "numeric", timeZone: "UTC" }) : day(start);
}

/** The bucket that starts then, in full. */
export function bucketLabel(start, { bucket }) {
  if (bucket < DAY_SECONDS) return `${clock(start)} – ${clock(start + bucket)}`;
  if (bucket === DAY_SECONDS) return day(start, { weekday: "short", year: "numeric" });
  return `${day(start)} – ${day(start + bucket - DAY_SECONDS, { year: "numeric" })}`;
}
