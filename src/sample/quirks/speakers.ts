import type { Turn } from "../model.ts";

/** Of every 23 turns one has no name, one a blank one, one the name of another speaker, one that of nobody invited. */
export function oddSpeakers(turns: readonly Turn[]): Turn[] {
  const nobody = { speaker: "Unknown Caller 7", speakerId: "spk_7", email: null, role: "unknown" } as const;
  return turns.map((turn, index) => {
    switch (index % 23) {
      case 2:
        return { ...turn, speaker: null, speakerId: null, email: null };
      case 7:
        return { ...turn, speaker: "  " };
      case 11:
        return { ...turn, speaker: turns.find(({ speakerId }) => speakerId !== turn.speakerId)?.speaker ?? null };
      case 17:
        return { ...turn, ...nobody };
      default:
        return turn;
    }
  });
}
