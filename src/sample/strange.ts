import type { Person } from "./model.ts";
import type { Quirk } from "./quirks.ts";

export interface ShownSpeaker {
  readonly id: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly role: Person["role"];
}

const STRANGE = ["👩‍👩‍👧‍👦", "مرحبا بكم", "e\u0301\u0323", "line\u2028separator", "nul\u0000here", "lone\ud83d", "\udc4dlone", "tab\there\nand line"];

/** Q15: text with what breaks loaders in it, every third time. */
export function decorate(text: string, n: number, quirks: ReadonlySet<Quirk>): string {
  return quirks.has("Q15") && n % 3 === 0 ? `${text} ${STRANGE[Math.floor(n / 3) % STRANGE.length] ?? ""}` : text;
}

/** Q14: who is said to speak. */
export function speakerShown(person: Person, turn: number, quirks: ReadonlySet<Quirk>): ShownSpeaker {
  const { id, name, email, role } = person;
  if (!quirks.has("Q14")) return { id, name, email, role };
  if (turn % 7 === 0) return { id: null, name: null, email: null, role: "unknown" };
  if (turn % 11 === 0) return { id, name: "  ", email, role };
  if (turn % 13 === 0) return { id: "guest", name: "A guest on the line", email: null, role: "unknown" };
  return { id, name: turn % 5 === 0 ? "Speaker 1" : name, email, role };
}
