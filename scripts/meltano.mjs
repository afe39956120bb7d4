// How Meltano knows our programs: plugin definitions out of the config schemas. `npm run gen` writes them.
import { format, resolveConfig } from "prettier";
import { Document, isMap, isSeq, visit } from "yaml";

const MADE = "Made by `npm run gen` from the config schemas. Do not edit.";
const LABELS = {
  "tap-chorus": ["Chorus", "Calls of Chorus (ZoomInfo) with transcripts, trackers, engagement metrics and CRM links."],
  "tap-semarize": ["Semarize", "Evaluations of call transcripts by the kits of a Semarize workspace, each paid once."],
  "tap-transcripts": ["Meeting transcripts", "Meetings of Zoom and Teams from WebVTT files."],
  "target-warehouse": [
    "Warehouse",
    "Loads into Postgres, BigQuery or a DuckDB file; states come when their rows are in.",
  ],
};
/** Of which settings one group has to be given whole. */
const GROUPS = {
  "target-warehouse": [["path"], ["url"], ["host", "database", "user"], ["project"]],
};

/** A plugin as Meltano's hub describes it. `program` is { name, schema, capabilities }. */
export function hubPage(program) {
  return yaml({
    ...definition(program),
    domain_url: "https://www.zoominfo.com/products/chorus",
    keywords: ["airbyte_protocol", "typescript"],
    maintenance_status: "beta",
    quality: "silver",
    repo: "https://www.npmjs.com/package/chorus-elt",
  });
}

/** A project that loads hourly; its plugins are the programs on the PATH, as npm installs them. */
export function meltanoProject(programs) {
  const plugins = (type) =>
    programs
      .filter(({ name }) => name.startsWith(type))
      .map((program) => {
        const all = definition(program);
        return { ...all, label: undefined, description: undefined, settings: all.settings.map(briefly) };
      });
  const [chorus, semarize, transcripts] = plugins("tap-");
  const [warehouse] = plugins("target-");
  return yaml(
    {
      project_id: "chorus-elt-example",
      default_environment: "prod",
      environments: [{ name: "prod" }],
      plugins: {
        extractors: [
          { ...chorus, config: { start_date: "2026-01-01" } },
          // It asks the warehouse which transcripts have no evaluation yet; there the target's own settings say where that is.
          { ...semarize, config: { kits: ["FRMWRK01"], warehouse_config: "target.json" } },
          transcripts,
        ],
        loaders: [{ ...warehouse, config: { path: "chorus.duckdb" } }],
      },
      jobs: [
        { name: "chorus", tasks: ["tap-chorus target-warehouse"] },
        { name: "evaluations", tasks: ["tap-semarize target-warehouse"] },
      ],
      schedules: [{ name: "hourly", interval: "@hourly", job: "chorus" }],
    },
    [
      "npm install --global chorus-elt; pip install meltano; then in the folder of this file:",
      "  TAP_CHORUS_API_TOKEN=… meltano run chorus",
    ],
  );
}

function definition({ name, schema, capabilities }) {
  const [label, description] = LABELS[name];
  const required = schema.required ?? [];
  const groups = GROUPS[name] ?? [[]];
  return {
    name,
    namespace: name.replaceAll("-", "_"),
    variant: "chorus-elt",
    label,
    description,
    executable: name,
    capabilities: capabilities.filter((one) => one !== "test" || name.startsWith("tap-")),
    settings_group_validation: groups.map((group) => [...required, ...group]),
    settings: Object.entries(schema.properties).map(([setting, property]) =>
      settingOf(setting, property, name.startsWith("target-")),
    ),
    ...(name.startsWith("tap-") ? { log_parser: "singer-sdk" } : {}),
  };
}

/** Defaults of the target differ by destination: it fills them in itself, and Meltano only shows them. */
function settingOf(name, { title, description, secret, default: value, examples, ...property }, isOfTarget) {
  const kind = kindOf(property);
  const [shown] = isOfTarget && value !== undefined ? [value] : (examples ?? []);
  return {
    name,
    ...(title === undefined ? {} : { label: title }),
    ...(description === undefined ? {} : { description }),
    kind,
    ...(secret === true ? { sensitive: true } : {}),
    ...(value === undefined || isOfTarget ? {} : { value }),
    ...(kind === "options" ? { options: property.enum.map((one) => ({ label: one, value: one })) } : {}),
    ...(shown === undefined ? {} : { placeholder: String(shown) }),
  };
}

/** A setting without what only tells people about it. */
const briefly = ({ name, kind, sensitive }) => ({ name, kind: kind === "options" ? "string" : kind, sensitive });

/**
 * The kinds that Meltano knows. A number is a text there, which we take as well: Meltano 4.4 fails when a setting of the kind
 * `decimal` comes from the environment. https://docs.meltano.com/concepts/plugins/#settings
 */
function kindOf({ type, enum: values, oneOf, anyOf }) {
  if (values !== undefined) return "options";
  const [first] = [type ?? (oneOf ?? anyOf)?.[0]?.type].flat();
  return { boolean: "boolean", integer: "integer", array: "array", object: "object" }[first] ?? "string";
}

async function yaml(content, comments = []) {
  const head = [MADE, ...comments].map((line) => `# ${line}\n`).join("");
  // Meltano reads YAML 1.1, in which a date without quotes is no text.
  const document = new Document(JSON.parse(JSON.stringify(content)), { aliasDuplicateObjects: false, version: "1.1" });
  document.directives.yaml.explicit = false;
  // What is short stands in one line.
  visit(document, {
    Collection(_, node) {
      const items = isMap(node) ? node.items.map(({ value }) => value) : isSeq(node) ? node.items : [];
      if (items.some((item) => isMap(item) || isSeq(item))) return;
      if (String(document.createNode(node.toJSON(), { flow: true })).length < 90) node.flow = true;
    },
  });
  const path = "examples/meltano/meltano.yml";
  return format(head + String(document), { ...(await resolveConfig(path)), filepath: path });
}
