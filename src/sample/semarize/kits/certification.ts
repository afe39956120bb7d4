import { fingerprint } from "../../random.ts";
import { brick, clamp, labelOf, said, type Finding, type Kit } from "../kit.ts";
import type { Line } from "../transcript.ts";

const OBJECTION =
  /\b(?:expensive|higher than|security review|limit who|duplicates|our budget|concern|concerned|decline|declined)\b/i;
const CLOSING = /\b(?:next steps|follow-up|send the proposal|set up the pilot|next call|have to be true|guidance)\b/i;
const WEAK_BELOW = 60;

export const certification: Kit = {
  code: "REPCRT01",
  purpose: "certification",
  name: "Rep certification",
  versions: ["1e94b7a8-5d23-4c86-a0f9-6b12c8d30d01"],
  bricks: [
    brick("skill_discovery", "number", "Discovery"),
    brick("skill_objection_handling", "number", "Objection handling"),
    brick("skill_closing", "number", "Closing"),
    brick("rep_readiness", "number"),
    brick("weak_areas", "list"),
  ],
  score(lines) {
    const ofRep = lines.filter(({ role }) => role === "rep");
    const questions = ofRep.filter(({ text }) => text.includes("?"));
    const objections = lines.flatMap((line, index) =>
      line.role === "prospect" && OBJECTION.test(line.text) ? [{ line, reply: lines[index + 1] }] : [],
    );
    const handled = objections.filter(({ reply }) => reply?.role === "rep" && reply.text.length > 60);
    const closing = said(lines.slice(Math.floor(lines.length * 0.6)), CLOSING, "rep");
    // People differ, and stay as they are from call to call.
    const talent = (skill: string) => (fingerprint(`${ofRep[0]?.speaker ?? ""} ${skill}`) % 31) - 15;
    const skills: Record<string, { value: number; evidence: readonly Line[] }> = {
      discovery: {
        value: clamp(30 + 110 * (questions.length / Math.max(1, ofRep.length)) + talent("discovery")),
        evidence: questions,
      },
      objection_handling: {
        value: clamp(45 + 75 * (handled.length / Math.max(1, objections.length)) + talent("objections")),
        evidence: handled.map(({ reply, line }) => reply ?? line),
      },
      closing: {
        value: clamp(35 + 60 * Math.min(1, closing.length / 6) + talent("closing")),
        evidence: closing,
      },
    };
    const values = Object.values(skills).map(({ value }) => value);
    return {
      ...Object.fromEntries(Object.entries(skills).map(([key, skill]): [string, Finding] => [`skill_${key}`, skill])),
      rep_readiness: { value: clamp(values.reduce((sum, value) => sum + value, 0) / values.length) },
      weak_areas: {
        value: Object.entries(skills)
          .filter(([, { value }]) => value < WEAK_BELOW)
          .map(([key]) => labelOf(key)),
      },
    };
  },
};
