import { EltError } from "../../core/errors.ts";

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_DAYS = 24; // a timer counts milliseconds in 31 bits

/** `30s`, `15m`, `1h` or `1d` in milliseconds. Throws USAGE, which names the option. */
export function durationMs(option: string, text: string): number {
  const [, count = "", unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  if (ms > 0 && ms <= LONGEST_DAYS * 86_400_000) return ms;
  throw new EltError("USAGE", `${option} takes 30s, 15m, 1h or 1d, up to ${LONGEST_DAYS}d; "${text}" is none of these`);
}
