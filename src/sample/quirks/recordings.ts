import type { Call } from "../model.ts";

export function expiredLinks(call: Call, n: number): Call {
  if (call.recording === null || n % 3 !== 0) return call;
  return { ...call, recording: { ...call.recording, expiresMs: call.startedMs } };
}
