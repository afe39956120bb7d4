import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { EltError } from "./errors.ts";
import { isExact, isObject, type JsonObject, type JsonSchema, type JsonValue } from "./json.ts";

/** Says what is wrong with a record, by place and rule, never by value; undefined when it fits. */
export type Check = (record: unknown) => string | undefined;

const LENIENT = {
  strict: false,
  validateFormats: false,
  logger: false,
  validateSchema: false,
  unicodeRegExp: false,
  meta: false,
} as const;
const ajv = new Ajv(LENIENT);
/** For schemas that name what every JavaScript object has, such as `constructor`: looks twice, and is slower. */
const carefulAjv = () => new Ajv({ ...LENIENT, ownProperties: true });
const INHERITED = new RegExp(`"(?:${Object.getOwnPropertyNames(Object.prototype).join("|")})"`);

/**
 * Compiles a stream's JSON Schema, draft 4 to 7, once. Formats are not looked at here: whoever makes a value into a
 * column sees them. `multipleOf` is dropped, as taps use it to hint at digits and doubles cannot be divided exactly.
 */
export function compileCheck(stream: string, schema: JsonSchema): Check {
  let validate: ValidateFunction;
  try {
    const compiler = INHERITED.test(JSON.stringify(schema)) ? carefulAjv() : ajv;
    validate = compiler.compile(lenient(schema) as JsonObject);
  } catch (error) {
    throw new EltError("SCHEMA_INVALID", `stream "${stream}": ${messageOf(error)}`, { cause: error, stream });
  }
  return (record) => (validate(record) ? undefined : describe(validate.errors?.[0]));
}

/** Fills in defaults and says all that is wrong with a config, one text a fault. */
export function checkConfig(schema: JsonSchema, config: JsonObject): string[] {
  const options = { strict: false, useDefaults: true, coerceTypes: true, allErrors: true, logger: false } as const;
  // The schemas are our own: neither checking them nor making their check fast is worth a tenth of a start.
  const compiler = new Ajv({ ...options, validateSchema: false, meta: false, code: { optimize: false } });
  const validate = compiler.compile(schema);
  return validate(config) ? [] : (validate.errors ?? []).map(describe);
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return "does not fit its schema";
  const params = error.params as Record<string, unknown>;
  const at = error.instancePath.slice(1).replaceAll("/", ".");
  switch (error.keyword) {
    case "required":
      return `${prefix(at)}property "${String(params["missingProperty"])}" is missing`;
    case "additionalProperties":
      return `${prefix(at)}property "${String(params["additionalProperty"])}" is not known`;
    case "enum":
      return `${prefix(at)}must be one of ${JSON.stringify(params["allowedValues"])}`;
    default:
      return `${prefix(at)}${error.message ?? "does not fit its schema"}`;
  }
}

const prefix = (at: string) => (at === "" ? "" : `"${at}": `);

function lenient(schema: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(schema)) return schema.map((one) => lenient(one) ?? null);
  if (isExact(schema)) return Number(schema); // a bound such as 9223372036854775807
  if (!isObject(schema)) return schema;
  const dropped = ["multipleOf", "$schema", "id", "$id"];
  const kept = Object.entries(schema).filter(([key, value]) => !dropped.includes(key) || isObject(value)); // a property of that name
  const result: JsonObject = Object.fromEntries(kept.map(([key, value]) => [key, lenient(value)]));
  // Draft 4 says `"minimum": 1, "exclusiveMinimum": true` where later drafts say `"exclusiveMinimum": 1`.
  for (const [bound, exclusive] of [
    ["minimum", "exclusiveMinimum"],
    ["maximum", "exclusiveMaximum"],
  ] as const) {
    if (typeof result[exclusive] !== "boolean") continue;
    if (result[exclusive]) {
      result[exclusive] = result[bound];
      result[bound] = undefined;
    } else {
      result[exclusive] = undefined;
    }
    for (const word of [bound, exclusive]) if (result[word] === undefined) Reflect.deleteProperty(result, word);
  }
  return result;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
