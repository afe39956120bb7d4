import assert from "node:assert/strict";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const VALUE = String.raw`"(?:[^"\\\n]|\\\\|\\"|\\n)*"`;
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*=${VALUE}`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)$`);

/**
 * The samples of a Prometheus text, by `name{labels}`. Stricter than Prometheus: each family has its HELP and TYPE, once
 * and before its samples, all of which stand together; no series comes twice; counters end in _total and are not negative.
 */
export function samplesIn(text: string): Record<string, number> {
  assert(text.endsWith("\n"), "the last line ends");
  const samples: Record<string, number> = {};
  const seen = new Set<string>();
  let family = "";
  let type = "";
  const lines = text.slice(0, -1).split("\n");
  for (const [index, line] of lines.entries()) {
    const help = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (help !== null) {
      family = help[1] ?? "";
      assert(!seen.has(family), `${family} comes twice`);
      seen.add(family);
      type = new RegExp(`^# TYPE ${family} (counter|gauge)$`).exec(lines[index + 1] ?? "")?.[1] ?? "";
      assert(type !== "", `${family} has a TYPE`);
      assert.equal(type === "counter", family.endsWith("_total"), `${family} is a ${type}`);
      continue;
    }
    if (line.startsWith("# TYPE ")) continue;
    const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`);
    assert.equal(name, family, `${name} stands with its family`);
    const key = `${name}{${labels}}`;
    assert(!(key in samples), `${key} comes twice`);
    samples[key] = Number(value);
    assert(type === "gauge" || Number(value) >= 0, `${key} is not negative`);
  }
  return samples;
}
