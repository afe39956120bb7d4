const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Starts of working hours, newest first: Monday to Friday 07:00 to 18:00 UTC and an hour on Saturdays, from two hours
 * before `nowMs` back over as many days as `calls` calls take: 200 fill two weeks, 5,000 three months.
 */
export function workingHours(nowMs: number, calls: number): number[] {
  const days = Math.max(1, 14 * (calls / 200) ** 0.578);
  const wanted = Math.ceil(days * (56 / 7));
  const hours: number[] = [];
  for (let at = Math.floor(nowMs / HOUR_MS) * HOUR_MS - 2 * HOUR_MS; hours.length < wanted; at -= HOUR_MS) {
    if (isWorkingHour(new Date(at))) hours.push(at);
  }
  return hours;
}

function isWorkingHour(at: Date): boolean {
  const [day, hour] = [at.getUTCDay(), at.getUTCHours()];
  if (day === 6) return hour === 10;
  return day !== 0 && hour >= 7 && hour < 18;
}

/** `YYYY-MM-DD` in UTC, `days` after an instant. */
export function dayAfter(ms: number, days: number): string {
  return new Date(ms + days * DAY_MS).toISOString().slice(0, 10);
}
