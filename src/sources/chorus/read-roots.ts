import { type SourceMessage } from "../../core/source.ts";
import { type Api } from "./api.ts";
import { hashJson } from "./hash.ts";
import { type AccountLists } from "./define.ts";
import { type Run, failures, isStopping } from "./run.ts";

/** The account's lists, each fetched once, when first asked for. Undefined where the API has no such list. */
export type Lists = {
  readonly [Name in keyof AccountLists]: () => Promise<AccountLists[Name] | undefined>;
};

export function openLists(api: Api): Lists {
  return { users: once(() => api.users()), teams: once(() => api.teams()), scorecards: once(() => api.scorecards()) };
}

function once<Result>(fetch: () => Promise<Result>): () => Promise<Result> {
  let fetched: Promise<Result> | undefined;
  return () => (fetched ??= fetch());
}

/** Streams that are read whole each time, and said only when something in them changed. */
export async function* readRoots(run: Run, lists: Lists): AsyncGenerator<SourceMessage, void, undefined> {
  for (const stream of run.roots) {
    if (isStopping(run)) return;
    try {
      const found = {
        users: stream.needs.includes("users") ? await lists.users() : undefined,
        teams: stream.needs.includes("teams") ? await lists.teams() : undefined,
        scorecards: stream.needs.includes("scorecards") ? await lists.scorecards() : undefined,
      };
      const there = Object.values(found).filter((list) => list !== undefined);
      if (there.length === 0) continue; // said when it was found out
      const rows = stream.rows({
        users: found.users ?? [],
        teams: found.teams ?? [],
        scorecards: found.scorecards ?? [],
      });
      const hash = hashJson(rows.map((row) => hashJson(row)).sort());
      const before = run.bookmarks.rootHash(stream.name);
      if (hash === before && run.config.resend_days === 0) continue;
      if (before !== undefined && there.some((list) => list.length === 0)) {
        // More likely a change of permissions than the end of the company.
        run.env.log.warn(`${stream.name}: the API lists nothing any more; the rows loaded before are kept`);
        continue;
      }
      const extractedAt = run.env.clock.now();
      for (const record of rows) yield { type: "record", stream: stream.name, record, extractedAt };
      run.bookmarks.setRootHash(stream.name, hash);
    } catch (error) {
      if (isStopping(run)) return;
      yield* failures(error, [stream]);
    }
  }
}
