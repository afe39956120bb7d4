import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { isObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";

/**
 * Google's description of the API in its own format: https://developers.google.com/discovery/v1/reference/apis. The emulator
 * serves Google's file as it was at revision 20260811; its package is pinned by hash, so it does not change under the tests.
 */
export interface DiscoveryDocument {
  readonly revision: string;
  readonly servicePath: string;
  readonly parameters: Record<string, Parameter>;
  readonly schemas: Record<string, Schema>;
  readonly resources: Record<string, { readonly methods: Record<string, Method> }>;
}

interface Parameter {
  readonly type: string;
  readonly location?: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

interface Method {
  readonly id: string;
  readonly httpMethod: string;
  readonly path: string;
  readonly parameters?: Record<string, Parameter>;
  readonly request?: { readonly $ref: string };
  readonly supportsMediaUpload?: boolean;
}

interface Schema {
  readonly id?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly $ref?: string;
  readonly items?: Schema;
  readonly properties?: Record<string, Schema>;
  readonly additionalProperties?: Schema;
}

/** What a request says, in the document's terms. */
interface Named {
  /** Such as `jobs.insert`. */
  readonly method: string;
  /** Those in the path, such as projectId. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Discovery {
  readonly document: DiscoveryDocument;
  /**
   * Names the method of a request, or says what in it the document does not know: a path, a query parameter, or something
   * in the body (of an upload, in its metadata). The method is named all the same when its path is known.
   */
  check(
    httpMethod: string,
    url: URL,
    body: JsonValue | undefined,
  ): Named | { readonly problem: string; readonly named?: Named };
}

/**
 * Values of properties that the document has as free text. Source: the property's own description there, which lists them;
 * a test looks each up. Of two names of a type the REST API takes both.
 */
export const ENUMS: Readonly<Record<string, readonly string[]>> = {
  "JobConfigurationLoad.writeDisposition": ["WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA", "WRITE_APPEND", "WRITE_EMPTY"],
  "JobConfigurationQuery.writeDisposition": ["WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA", "WRITE_APPEND", "WRITE_EMPTY"],
  "JobConfigurationTableCopy.writeDisposition": ["WRITE_TRUNCATE", "WRITE_APPEND", "WRITE_EMPTY"],
  "JobConfigurationLoad.createDisposition": ["CREATE_IF_NEEDED", "CREATE_NEVER"],
  "JobConfigurationQuery.createDisposition": ["CREATE_IF_NEEDED", "CREATE_NEVER"],
  "JobConfigurationTableCopy.createDisposition": ["CREATE_IF_NEEDED", "CREATE_NEVER"],
  "JobConfigurationLoad.schemaUpdateOptions": ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"],
  "JobConfigurationQuery.schemaUpdateOptions": ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"],
  "JobConfigurationLoad.sourceFormat": ["CSV", "DATASTORE_BACKUP", "NEWLINE_DELIMITED_JSON", "AVRO", "PARQUET", "ORC"],
  "JobConfigurationLoad.encoding": ["UTF-8", "ISO-8859-1", "UTF-16BE", "UTF-16LE", "UTF-32BE", "UTF-32LE"],
  "JobConfigurationQuery.priority": ["INTERACTIVE", "BATCH"],
  "TimePartitioning.type": ["DAY", "HOUR", "MONTH", "YEAR"],
  "TableFieldSchema.mode": ["NULLABLE", "REQUIRED", "REPEATED"],
  "TableFieldSchema.type": [
    ...["STRING", "BYTES", "INTEGER", "INT64", "FLOAT", "FLOAT64", "BOOLEAN", "BOOL", "TIMESTAMP", "DATE", "TIME"],
    ...["DATETIME", "GEOGRAPHY", "NUMERIC", "BIGNUMERIC", "JSON", "RECORD", "STRUCT", "RANGE"],
  ],
};

export function discovery(document: DiscoveryDocument): Discovery {
  const ajv = new Ajv({ strict: false });
  for (const [name, schema] of Object.entries(document.schemas)) ajv.addSchema(toJsonSchema(schema, name), name);
  const routes = Object.values(document.resources)
    .flatMap(({ methods }) => Object.values(methods))
    .map((method) => ({ method, ...pattern(method) }));
  const validatorOf = (name: string) => {
    const validator = ajv.getSchema(name); // compiled once, when it is first asked for
    if (validator === undefined) throw new Error(`the discovery document has no schema ${name}`);
    return validator;
  };

  return {
    document,
    check(httpMethod, url, body) {
      const base = `/${document.servicePath}`;
      const uploading = url.pathname.startsWith(`/upload${base}`);
      const path = url.pathname.slice(uploading ? base.length + "/upload".length : base.length);
      const known = uploading || url.pathname.startsWith(base);
      for (const { method, expression, names } of known ? routes : []) {
        if (method.httpMethod !== httpMethod || (uploading && method.supportsMediaUpload !== true)) continue;
        const found = expression.exec(path);
        if (found === null) continue;
        const problem =
          problemOfQuery(url.searchParams, { ...document.parameters, ...method.parameters }) ??
          problemOfBody(body, method.request?.$ref, validatorOf);
        const values = found.slice(1).map((value) => decodeURIComponent(value));
        const named = {
          method: shortName(method),
          parameters: Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""])),
        };
        return problem === undefined ? named : { problem: `${problem} (${named.method})`, named };
      }
      return { problem: `no method ${httpMethod} ${url.pathname}` };
    },
  };
}

const shortName = ({ id }: Method) => id.replace(/^bigquery\./, "");

/** `projects/{+projectId}/jobs`, each name standing for what its own pattern allows. */
function pattern({ path, parameters = {} }: Method): { expression: RegExp; names: readonly string[] } {
  const names: string[] = [];
  const source = path.replace(/\{\+?(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return `(${(parameters[name]?.pattern ?? "^[^/]+$").replace(/^\^|\$$/g, "")})`;
  });
  return { expression: new RegExp(`^${source}$`), names };
}

function problemOfQuery(query: URLSearchParams, parameters: Record<string, Parameter>): string | undefined {
  for (const [name, value] of query) {
    const parameter = parameters[name];
    if (parameter === undefined || parameter.location === "path") return `no query parameter ${name}`;
    const fits =
      parameter.type === "integer"
        ? /^\d+$/.test(value)
        : parameter.type === "boolean"
          ? value === "true" || value === "false"
          : (parameter.enum?.includes(value) ?? true);
    if (!fits) return `query parameter ${name} is ${value}`;
  }
  return undefined;
}

function problemOfBody(
  body: JsonValue | undefined,
  schema: string | undefined,
  validatorOf: (name: string) => ValidateFunction,
): string | undefined {
  if (schema === undefined) {
    const isEmpty = body === undefined || (isObject(body) && Object.keys(body).length === 0);
    return isEmpty ? undefined : "a body where there is none";
  }
  if (body === undefined) return `no body, which is a ${schema}`;
  const validator = validatorOf(schema);
  if (validator(body)) return undefined;
  // Where a value may also be null there is an error about that too.
  const errors = (validator.errors ?? []).filter(
    ({ keyword, params }) => keyword !== "anyOf" && params["type"] !== "null",
  );
  return errors.map(describeError).join("; ");
}

function describeError({ instancePath, keyword, message = "", params }: ErrorObject): string {
  const where = instancePath.slice(1).replaceAll("/", ".");
  if (keyword === "additionalProperties") {
    const name = (params as { additionalProperty: string }).additionalProperty;
    return `no property ${where === "" ? "" : `${where}.`}${name}`;
  }
  const allowed = (params as { allowedValues?: (string | null)[] }).allowedValues;
  const values = allowed === undefined ? "" : `: ${allowed.filter((value) => value !== null).join(", ")}`;
  return `${where} ${message}${values}`;
}

const FORMATS: Readonly<Record<string, JsonObject>> = {
  // The JSON form of protocol buffers takes a number for these as well.
  int64: { type: ["string", "integer"], pattern: "^-?\\d+$" },
  uint64: { type: ["string", "integer"], pattern: "^\\d+$", minimum: 0 },
};

/** Draft-07, in which a property that the document does not know is an error. Null stands for no value everywhere. */
function toJsonSchema(schema: Schema, name: string): JsonObject {
  if (schema.$ref !== undefined) return { anyOf: [{ $ref: schema.$ref }, { type: "null" }] };
  const { type, format = "", items, properties, additionalProperties } = schema;
  if (type === undefined || type === "any") return {};
  if (type === "object") {
    const known = Object.entries(properties ?? {}).map(([key, one]) => [key, toJsonSchema(one, `${name}.${key}`)]);
    return {
      type,
      nullable: true,
      properties: Object.fromEntries(known) as JsonObject,
      additionalProperties: additionalProperties === undefined ? false : toJsonSchema(additionalProperties, name),
    };
  }
  if (type === "array") return { type, nullable: true, items: toJsonSchema(items ?? {}, name) };
  const values = schema.enum ?? ENUMS[name];
  return {
    type,
    ...FORMATS[format],
    nullable: true,
    ...(values === undefined ? {} : { enum: [...values, null] }),
  };
}
