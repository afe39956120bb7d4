export interface Line {
  readonly role: "rep" | "prospect" | "unknown";
  readonly speaker: string;
  readonly text: string;
  /** The line as it was sent. */
  readonly whole: string;
}

const FORM = /^(.{1,120}?)(?: \((rep|prospect)\))?: (.*)$/u;

/** The lines `Speaker (rep): text` of a transcript; in other lines the speaker is not known. */
export function linesOf(transcript: string): Line[] {
  const lines: Line[] = [];
  for (const whole of transcript.split("\n")) {
    if (whole.trim() === "") continue;
    const [, speaker = "", role, text = whole] = FORM.exec(whole) ?? [];
    lines.push({ role: roleOf(role ?? speaker.toLowerCase()), speaker, text, whole });
  }
  return lines;
}

const roleOf = (word: string) => (word === "rep" || word === "prospect" ? word : "unknown");
