/** A turn of a conversation, as the warehouse has it. */
export interface Turn {
  readonly speaker: string | null;
  /** `rep`, `prospect` or `unknown`. */
  readonly role: string | null;
  readonly text: string | null;
}

/**
 * The text that is sent: one line a turn, `Speaker (role): text`, without the role where it is not known and with the
 * role alone where there is no name. Line breaks inside a turn become spaces; turns without words are left out. The same
 * turns give the same text, to the byte: the idempotency key is a hash of it.
 */
export function renderTranscript(turns: readonly Turn[]): string {
  const lines: string[] = [];
  for (const { speaker, role, text } of turns) {
    const said = oneLine(text);
    if (said !== "") lines.push(`${label(oneLine(speaker), role)}: ${said}`);
  }
  return lines.join("\n");
}

/** What `transcripts.full_text` holds for these turns; equal when turns and transcript are of one version. */
export function fullText(turns: readonly Turn[]): string {
  return turns
    .map(({ speaker, text }) => ((speaker ?? "").trim() === "" ? (text ?? "") : `${speaker}: ${text ?? ""}`))
    .join("\n");
}

const ROLES: Readonly<Record<string, string>> = { rep: "Rep", prospect: "Prospect" };

function label(speaker: string, role: string | null): string {
  const known = role === null ? undefined : ROLES[role];
  if (speaker === "") return known ?? "Speaker";
  return known === undefined ? speaker : `${speaker} (${known.toLowerCase()})`;
}

const oneLine = (text: string | null) => (text ?? "").replace(/\s+/gu, " ").trim();
