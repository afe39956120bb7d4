import { describe } from "vitest";
import { describeAbsent } from "./absent.ts";
import type { Open } from "./bench.ts";
import { describeDeletion } from "./deletion.ts";
import { describeFixtures } from "./fixtures.ts";
import { describeKeys } from "./keys.ts";
import { describeLoadMethods } from "./load-methods.ts";
import { describeModel } from "./model.ts";
import { describeRejected } from "./rejected.ts";
import { describeReplay } from "./replay.ts";
import { describeSets } from "./sets.ts";
import { describeShapes } from "./shapes.ts";
import { describeStates } from "./states.ts";
import { describeValues } from "./values.ts";

/**
 * What every destination does the same. Each runs all of it against a real database; of the claims about any input, `share` of
 * the cases, where the database is slow.
 */
export function describeDestination(name: string, open: Open, share = 1): void {
  describe(`${name} like every destination`, () => {
    describeFixtures(open);
    describeValues(open);
    describeShapes(open);
    describeKeys(open);
    describeAbsent(open);
    describeSets(open);
    describeLoadMethods(open);
    describeDeletion(open);
    describeRejected(open);
    describeReplay(open, share);
    describeStates(open);
    describeModel(open, share);
  });
}
