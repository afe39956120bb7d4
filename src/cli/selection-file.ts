import { readFile } from "node:fs/promises";
import { EltError } from "../core/errors.ts";
import { parseJson, type JsonValue } from "../core/json.ts";
import type { Selection } from "../core/stream.ts";
import { defaultSelection, selectionOf } from "../dialects/singer/catalog.ts";
import { streams } from "../sources/chorus/streams.gen.ts";

export const CATALOG_OPTION = {
  type: "string",
  describe: "The catalog that the tap runs with; the default selection when absent.",
} as const;

/** The streams and fields of tap-chorus that a catalog selects. Throws CATALOG_INVALID. */
export async function selectionFrom(path: string | undefined): Promise<Selection[]> {
  if (path === undefined) return defaultSelection(streams);
  let catalog: JsonValue;
  try {
    catalog = parseJson(await readFile(path, "utf8"));
  } catch (cause) {
    throw new EltError("CATALOG_INVALID", `the catalog file ${path} cannot be read as JSON`, { cause });
  }
  return selectionOf(catalog, streams, () => undefined);
}
