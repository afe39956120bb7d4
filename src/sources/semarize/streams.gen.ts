// Made by `npm run gen` from streams/ and schemas/. Do not edit.
import { type JsonSchema } from "../../core/json.ts";
import { type SemarizeStream } from "./define.ts";
import semarizeBrickItems from "./streams/semarize_brick_items.ts";
import semarizeBricks from "./streams/semarize_bricks.ts";
import semarizeRuns from "./streams/semarize_runs.ts";
import semarizeBrickItemsSchema from "../../../schemas/semarize_brick_items.json" with { type: "json" };
import semarizeBricksSchema from "../../../schemas/semarize_bricks.json" with { type: "json" };
import semarizeRunsSchema from "../../../schemas/semarize_runs.json" with { type: "json" };

export const streams: readonly (SemarizeStream & { readonly schema: JsonSchema })[] = [
  { ...semarizeBrickItems, schema: semarizeBrickItemsSchema },
  { ...semarizeBricks, schema: semarizeBricksSchema },
  { ...semarizeRuns, schema: semarizeRunsSchema },
];
