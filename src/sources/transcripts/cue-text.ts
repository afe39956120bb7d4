/** A part of a cue that one person says. */
export interface Spoken {
  /** Null where the file does not say. */
  readonly speaker: string | null;
  readonly text: string;
}

const VOICE = /<v(?:\.[^\s>]*)?(?:\s+([^>]*))?>/gi;
const TAG = /<\/?(?:c|i|b|u|v|ruby|rt|lang)(?:[.\s][^>]*)?>|<(?:\d+:)?\d{1,2}:\d{1,2}\.\d{1,3}>/gi;
const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00A0",
  lrm: "\u200E",
  rlm: "\u200F",
};
/** `Name: ` at the beginning of a cue. */
const LABEL = /^\s*([^\s:<][^:<\n]{0,79}):(?:\s+|$)/u;

/** True when the cue says by a tag who speaks, as Teams writes it. */
export const hasVoice = (text: string) => /<v[.\s]/i.test(text);

/** What stands before the first colon, if that may be a name. */
export function labelOf(text: string): string | undefined {
  return LABEL.exec(text)?.[1]?.trim();
}

/** Who says what in a cue. `isName` decides what a label is; other colons belong to the speech. */
export function spokenIn(text: string, isName: (label: string) => boolean): Spoken[] {
  if (hasVoice(text)) return voices(text);
  const label = labelOf(text);
  const isNamed = label !== undefined && isName(label);
  const said = plain(isNamed ? text.replace(LABEL, "") : text);
  return said === "" ? [] : [{ speaker: isNamed ? nameOf(label) : null, text: said }];
}

/** `<v Name>…</v>`, of which a cue may have several; what stands between them nobody says. */
function voices(text: string): Spoken[] {
  const spoken: Spoken[] = [];
  const add = (speaker: string | null, part: string) => {
    const said = plain(part);
    if (said !== "") spoken.push({ speaker, text: said });
  };
  const [before = "", ...parts] = text.split(VOICE);
  add(null, before);
  for (let i = 0; i < parts.length; i += 2) {
    const [inside = "", ...outside] = (parts[i + 1] ?? "").split(/<\/v>/i);
    add(nameOf(parts[i] ?? ""), inside);
    add(null, outside.join(" "));
  }
  return spoken;
}

const nameOf = (written: string) => plain(written) || null;

/** Without tags, on one line, with character references read. A sign that only looks like a tag stays. */
function plain(text: string): string {
  return decoded(text.replace(TAG, "")).replace(/\s+/gu, " ").trim();
}

function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return NAMED[String(name).toLowerCase()] ?? whole;
    const point = decimal === undefined ? parseInt(String(hexadecimal), 16) : Number(decimal);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : "\uFFFD";
  });
}
