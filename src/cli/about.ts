import { propertiesOf } from "../core/config.ts";
import { printJson, type JsonSchema } from "../core/json.ts";
import type { Stream } from "../core/stream.ts";
import { VERSION } from "./version.ts";

export interface Subject {
  readonly name: string;
  /** Settings are also read from `<prefix>_<SETTING>`. */
  readonly prefix: string;
  readonly schema: JsonSchema;
  readonly capabilities: readonly string[];
  readonly streams: readonly Stream[];
}

/** What `--about` prints: settings, capabilities and streams. */
export function about(subject: Subject, format: "text" | "json" | "markdown"): string {
  const { name, schema, capabilities, streams } = subject;
  switch (format) {
    case "json":
      return printJson({
        name,
        version: VERSION,
        capabilities: [...capabilities],
        settings: schema,
        streams: streams.map((one) => one.name),
      });
    case "markdown":
      return markdown(subject);
    case "text":
      return [
        `${name} ${VERSION}`,
        `capabilities: ${capabilities.join(", ")}`,
        ...(streams.length > 0 ? [`streams: ${streams.map((one) => one.name).join(", ")}`] : []),
        "settings:",
        ...settings(schema).map(
          (one) => `  ${one.name}${one.required ? " (required)" : ""}: ${one.description}${one.default}`,
        ),
      ].join("\n");
  }
}

function markdown({ name, prefix, schema, capabilities, streams }: Subject): string {
  const rows = settings(schema).map(
    (one) => `| \`${one.name}\` | ${one.required ? "yes" : ""} | ${one.byDefault} | ${one.description} |`,
  );
  return [
    `# \`${name}\` ${VERSION}`,
    "",
    `Capabilities: ${capabilities.map((one) => `\`${one}\``).join(", ")}`,
    "",
    `## Settings`,
    "",
    `Each is also read from the environment, as \`${prefix}_<SETTING>\`.`,
    "",
    "| Setting | Required | Default | Meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    ...(streams.length === 0
      ? []
      : ["", "## Streams", "", ...streams.map((one) => `- \`${one.name}\` (key: ${one.keys.join(", ")})`)]),
  ].join("\n");
}

function settings(schema: JsonSchema) {
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(propertiesOf(schema)).map(([name, property]) => {
    const value = property["default"];
    const byDefault = value === undefined ? "" : `\`${printJson(value)}\``;
    return {
      name,
      required: required.includes(name),
      description: typeof property["description"] === "string" ? property["description"] : "",
      byDefault,
      default: value === undefined ? "" : ` [${printJson(value)}]`,
    };
  });
}
