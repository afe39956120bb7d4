import type { Mention, Tracker, Turn } from "./model.ts";

/** A topic that is watched for, and the words that show it. */
export interface Topic {
  readonly name: string;
  readonly type: string;
  /** Lower case; whole words or phrases. */
  readonly keywords: readonly string[];
}

/** Finds topics in speech: a mention is one keyword in one turn, and lies as far into the turn as it does in the text. */
export function trackerFinder(topics: readonly Topic[]): (turns: readonly Turn[]) => Tracker[] {
  const topicOf = new Map(topics.flatMap((topic) => topic.keywords.map((keyword) => [keyword, topic])));
  const longestFirst = [...topicOf.keys()].sort((a, b) => b.length - a.length);
  const anyKeyword = new RegExp(`\\b(?:${longestFirst.join("|")})\\b`, "gi");
  return (turns) => {
    const found = new Map<Topic, Mention[]>();
    for (const [utteranceIndex, turn] of turns.entries()) {
      for (const match of turn.text.matchAll(anyKeyword)) {
        const topic = topicOf.get(match[0].toLowerCase());
        if (topic === undefined) continue;
        const offsetSeconds = Math.floor(turn.startSeconds + (turn.durationSeconds * match.index) / turn.text.length);
        const mentions = found.get(topic);
        if (mentions === undefined) found.set(topic, [{ offsetSeconds, utteranceIndex }]);
        else mentions.push({ offsetSeconds, utteranceIndex });
      }
    }
    return topics.flatMap((topic) => {
      const mentions = found.get(topic);
      if (mentions === undefined) return [];
      const { name, type } = topic;
      return [{ id: `trk_${name.toLowerCase().replaceAll(" ", "_")}`, name, type, source: "keyword", mentions }];
    });
  };
}
