import { isObject, type JsonObject, type JsonSchema, type JsonValue } from "../../core/json.ts";

/** Words of JSON Schema that Airbyte's forms cannot show. */
const UNSHOWN = [
  "$schema",
  "$ref",
  "allOf",
  "anyOf",
  "not",
  "patternProperties",
  "prefixItems",
  "if",
  "then",
  "else",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "secret",
];

/**
 * A config schema as Airbyte's forms take it: settings in the order of the file, secrets marked, and of several forms of
 * a value the one that a form can ask for, the object. What the form cannot show is still checked when a run begins.
 */
export function connectionSpecification(schema: JsonSchema): JsonObject {
  const shown = shownOf(schema);
  const properties = isObject(shown["properties"]) ? shown["properties"] : {};
  const ordered = Object.entries(properties).map(([name, property], order) => [
    name,
    isObject(property) ? { ...property, order } : property,
  ]);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    ...shown,
    properties: Object.fromEntries(ordered) as JsonObject,
    additionalProperties: true,
  };
}

function shownOf(schema: JsonObject): JsonObject {
  const forms = schema["oneOf"];
  const form = Array.isArray(forms) ? (forms.find((one) => isObject(one) && one["type"] === "object") ?? forms[0]) : {};
  const merged: JsonObject = { ...schema, ...(isObject(form) ? form : {}) };
  const shown: JsonObject = {};
  for (const [word, value] of Object.entries(merged)) {
    if (UNSHOWN.includes(word) || word === "oneOf" || value === undefined) continue;
    shown[word] = word === "additionalProperties" ? true : shownValue(word, value);
  }
  return schema["secret"] === true ? { ...shown, airbyte_secret: true } : shown;
}

function shownValue(word: string, value: JsonValue): JsonValue {
  if (word === "items" && isObject(value)) return shownOf(value);
  if (word !== "properties" || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, property]) => [name, isObject(property) ? shownOf(property) : property]),
  );
}
