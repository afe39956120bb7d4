import { vi } from "vitest";
import { describeDestination } from "../conformance/destination.ts";
import { openBigQuery } from "../support/bigquery-opened.ts";
import { describeBigQuery } from "../support/own-bigquery.ts";

vi.setConfig({ testTimeout: 300_000 }); // some claims are about fifty tables, and a statement takes the emulator a tenth of a second

await describeBigQuery("BigQuery", (server) => {
  describeDestination("BigQuery", () => openBigQuery(server), 0.2);
});
