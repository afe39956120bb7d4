// What Airbyte's registry wants to know of a connector: metadata.yaml. `npm run gen` writes them.
// The form: ConnectorMetadataDefinitionV0 of https://docs.airbyte.com/platform/connector-development/connector-metadata-file
import { readFileSync } from "node:fs";
import { stringify } from "yaml";

const { version, license } = JSON.parse(readFileSync("package.json", "utf8"));
const PAGE = "https://www.npmjs.com/package/chorus-elt";

/** Ids are made up once and never change. */
const CONNECTORS = {
  "source-chorus": { id: "6d2a8f0e-0b0e-4a53-9f1b-7d1f0c1e5a01", name: "Chorus (ZoomInfo)", subtype: "api" },
  "source-semarize": { id: "6d2a8f0e-0b0e-4a53-9f1b-7d1f0c1e5a02", name: "Semarize", subtype: "api" },
  "source-transcripts": { id: "6d2a8f0e-0b0e-4a53-9f1b-7d1f0c1e5a03", name: "Meeting transcripts", subtype: "file" },
  "destination-warehouse": { id: "6d2a8f0e-0b0e-4a53-9f1b-7d1f0c1e5a04", name: "Warehouse", subtype: "database" },
};

/** The pages by connector. */
export const metadataPages = () =>
  Object.entries(CONNECTORS).map(([connector, { id, name, subtype }]) => {
    const data = {
      connectorSubtype: subtype,
      connectorType: connector.split("-")[0],
      definitionId: id,
      dockerImageTag: version,
      dockerRepository: `chorus-elt/${connector}`,
      documentationUrl: PAGE,
      githubIssueLabel: connector,
      license,
      name,
      protocolVersion: "0.2.0",
      registryOverrides: { cloud: { enabled: false }, oss: { enabled: true } },
      releaseStage: "alpha",
      supportLevel: "community",
      supportsRefreshes: connector.startsWith("destination"),
      tags: ["language:typescript"],
    };
    const head = "# Made by `npm run gen`. Do not edit.\n";
    return [`containers/${connector}/metadata.yaml`, head + stringify({ data, metadataSpecVersion: "1.0" })];
  });
