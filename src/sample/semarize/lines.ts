/** A turn, as it stands in the text that was sent: `Speaker (role): text`. */
export interface Line {
  readonly role: "rep" | "prospect" | "unknown";
  readonly text: string;
}

export function readLines(transcript: string): Line[] {
  return transcript.split("\n").map((line) => {
    const [, speaker = "", text = line] = /^([^:]{1,120}): (.*)$/s.exec(line) ?? [];
    const role = /\(rep\)$|^Rep$/.test(speaker)
      ? "rep"
      : /\(prospect\)$|^Prospect$/.test(speaker)
        ? "prospect"
        : "unknown";
    return { role, text };
  });
}

/** Lines that match, of one side or of both; a line of nobody's side counts for either. */
export function linesWith(lines: readonly Line[], pattern: RegExp, side?: "rep" | "prospect"): string[] {
  const isOf = ({ role }: Line) => side === undefined || role === side || role === "unknown";
  return lines.filter((line) => isOf(line) && pattern.test(line.text)).map(({ text }) => text);
}
