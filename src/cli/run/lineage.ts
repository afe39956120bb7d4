import { randomUUID } from "node:crypto";
import { appendFile } from "node:fs/promises";
import type { Dataset } from "../../core/destination.ts";
import type { Env } from "../../core/env.ts";
import type { EltError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import { openTransport } from "../../http/transport.ts";
import { VERSION } from "../version.ts";
import type { LineageSettings } from "./config.ts";
import type { Loaded } from "./pump.ts";

/** The events of one run. None of these throws: lineage that cannot be told is logged, and the load goes on. */
export interface Lineage {
  start(): Promise<void>;
  /** `error` for FAIL; its message must be free of secrets. */
  end(type: "COMPLETE" | "FAIL" | "ABORT", tables: readonly Loaded[], error?: EltError): Promise<void>;
}

const PRODUCER = `pkg:npm/chorus-elt@${VERSION}`;
const SPEC = "https://openlineage.io/spec";

/**
 * OpenLineage run events of a run that reads `inputs`, to a file, a line an event, or to a server.
 * https://openlineage.io/docs/spec/object-model
 */
export function lineage(
  settings: LineageSettings,
  { pipeline, inputs }: { readonly pipeline: string; readonly inputs: readonly Dataset[] },
  { clock, log }: Pick<Env, "clock" | "log">,
): Lineage {
  const runId = randomUUID();
  const { namespace, job = `chorus-elt.${pipeline}` } = settings;
  const emit = async (eventType: string, runFacets: JsonObject, outputs: JsonObject[]) => {
    const event = {
      eventType,
      eventTime: new Date(clock.now()).toISOString(),
      run: { runId, facets: runFacets },
      job: { namespace, name: job, facets: {} },
      inputs: inputs.map((input) => ({ ...input })),
      outputs,
      producer: PRODUCER,
      schemaURL: `${SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
    };
    const text = JSON.stringify(event);
    for (const [where, send] of ways(settings)) {
      try {
        await send(text);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        log.warn(`the OpenLineage event ${eventType} did not reach ${where}: ${why}`);
      }
    }
  };
  return {
    start: () => emit("START", {}, []),
    end: (type, tables, error) => emit(type, error === undefined ? {} : errorFacet(error), tables.map(output)),
  };
}

/** Where events go to, and how. */
function ways({ url, endpoint, file, timeout_seconds: seconds }: LineageSettings) {
  const found: [where: string, send: (text: string) => Promise<void>][] = [];
  if (file !== undefined) found.push([file, (text) => appendFile(file, `${text}\n`)]);
  if (url !== undefined) {
    const target = new URL(endpoint, `${url.replace(/\/+$/, "")}/`);
    found.push([target.host, (text) => post(target.href, text, seconds * 1_000)]);
  }
  return found;
}

async function post(url: string, body: string, timeoutMs: number): Promise<void> {
  await using transport = openTransport();
  const key = process.env["OPENLINEAGE_API_KEY"];
  const { status } = await transport.send({
    method: "POST",
    url,
    body,
    headers: { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    endpoint: "openlineage",
    signal: AbortSignal.timeout(timeoutMs), // not the run's own: an aborted run has still to say so
  });
  if (status >= 300) throw new Error(`it answered ${status}`);
}

const facet = (name: string, version: string, content: JsonObject): JsonObject => ({
  _producer: PRODUCER,
  _schemaURL: `${SPEC}/facets/${version}/${name}.json#/$defs/${name}`,
  ...content,
});

function errorFacet({ code, message }: EltError): JsonObject {
  const content = { message: `${code}: ${message}`, programmingLanguage: "TypeScript" };
  return { errorMessage: facet("ErrorMessageRunFacet", "1-0-1", content) };
}

function output({ namespace, name, plan, rows }: Loaded): JsonObject {
  const fields = plan.columns.map((column) => ({ name: column.name, type: column.type.kind }));
  return {
    namespace,
    name,
    facets: { schema: facet("SchemaDatasetFacet", "1-2-0", { fields }) },
    outputFacets: {
      outputStatistics: facet("OutputStatisticsOutputDatasetFacet", "1-0-2", { rowCount: rows }),
    },
  };
}
