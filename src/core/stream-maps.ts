import { createHash } from "node:crypto";
import { isObject, type JsonValue } from "./json.ts";
import type { Action, MaskConfig, Rule } from "./masks.ts";

const SUPPORTED = "null, a fixed text in quotes, sha256(field), md5(field) or sha256(config['hash_seed'] + field)";

/**
 * Meltano's `stream_maps`, as far as they mask: expressions in Python are not evaluated. Whatever else is asked for is a
 * fault, since what is not understood must not let anything out.
 * https://sdk.meltano.com/en/latest/stream_maps.html
 */
export function readStreamMaps(
  { stream_maps: maps = {}, stream_map_config: given }: MaskConfig,
  faults: string[],
): Rule[] {
  const rules: Rule[] = [];
  for (const [stream, map] of Object.entries(maps)) {
    if (!isObject(map)) {
      faults.push(
        `stream_maps.${stream}: streams are left out, renamed or doubled by the catalog or not at all; give an object of fields`,
      );
      continue;
    }
    for (const [field, value] of Object.entries(map)) {
      const label = `stream_maps.${stream}.${field}`;
      if (/^__\w+__$/.test(field)) {
        faults.push(`"${label}" is not supported; select streams and fields in the catalog`);
        continue;
      }
      const action = actionOf(field, value, given?.hash_seed);
      if (typeof action === "string") faults.push(`"${label}" ${action}`);
      else if (action !== undefined) rules.push({ label, stream, path: [field], action });
    }
  }
  return rules;
}

const HASH = /^(md5|sha256)\(\s*(config\[(?:'hash_seed'|"hash_seed")\]\s*\+\s*)?([^()+]+?)\s*\)$/;
const TEXT = /^(?:'([^'\\]*)'|"([^"\\]*)")$/;

/** What an expression does to the field; undefined when it leaves it as it is, a text when it is not supported. */
function actionOf(field: string, value: JsonValue | undefined, seed: string | undefined): Action | string | undefined {
  if (value === null || value === "__NULL__") return { kind: "drop" };
  const expression = typeof value === "string" ? value.trim() : "";
  if (isField(expression, field)) return undefined;
  const [isText, single, double] = TEXT.exec(expression) ?? [];
  if (isText !== undefined) return { kind: "text", text: single ?? double ?? "" };
  const [, method, seeded, hashed = ""] = HASH.exec(expression) ?? [];
  if (method === undefined || !isField(hashed, field)) {
    return `is not supported: it can be ${SUPPORTED}, of the field itself`;
  }
  if (seeded !== undefined && seed === undefined) return "needs `hash_seed` in `stream_map_config`";
  const salt = seeded === undefined ? "" : (seed ?? "");
  return {
    kind: "hash",
    hash: (text) =>
      createHash(method)
        .update(salt + text)
        .digest("hex"),
  };
}

const isField = (expression: string, field: string) =>
  [field, "self", ...["_", "record"].flatMap((of) => [`${of}['${field}']`, `${of}["${field}"]`])].includes(expression);
