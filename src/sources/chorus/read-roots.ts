import { type Log } from "../../core/log.ts";
import { type SourceMessage } from "../../core/source.ts";
import { type Page, type Team, type User } from "./call.ts";
import { type Api } from "./api.ts";
import { hashJson } from "./hash.ts";
import { readWhole } from "./paging.ts";
import { type Run, failures, isStopping } from "./run.ts";

const FULL_PAGE = 100;

/** The account's lists, each fetched once, when first asked for. Undefined where the API has no such list. */
export interface Lists {
  users(): Promise<readonly User[] | undefined>;
  teams(): Promise<readonly Team[] | undefined>;
}

export function openLists(api: Api, log: Log): Lists {
  let users: Promise<readonly User[] | undefined> | undefined;
  let teams: Promise<readonly Team[] | undefined> | undefined;
  return {
    users: () => (users ??= whole<User>("users", (offset) => api.users({ offset, limit: FULL_PAGE }), log)),
    teams: () => (teams ??= whole<Team>("teams", (offset) => api.teams({ offset, limit: FULL_PAGE }), log)),
  };
}

/** Streams that are read whole each time, and said only when something in them changed. */
export async function* readRoots(run: Run, lists: Lists): AsyncGenerator<SourceMessage, void, undefined> {
  for (const stream of run.roots) {
    if (isStopping(run)) return;
    try {
      const users = stream.needs.includes("users") ? await lists.users() : undefined;
      const teams = stream.needs.includes("teams") ? await lists.teams() : undefined;
      if (users === undefined && teams === undefined) continue; // said when it was found out
      const rows = stream.rows({ users: users ?? [], teams: teams ?? [] });
      const hash = hashJson(rows.map((row) => hashJson(row)).sort());
      const before = run.bookmarks.rootHash(stream.name);
      if (hash === before) continue;
      if (before !== undefined && (users?.length === 0 || teams?.length === 0)) {
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

async function whole<Row extends { readonly id: string }>(
  name: string,
  page: (offset: number) => Promise<Page<Row> | "no-route">,
  log: Log,
): Promise<readonly Row[] | undefined> {
  const route = { missing: false };
  const { rows } = await readWhole<Row>(
    {
      async page(offset) {
        const answer = await page(offset);
        if (answer !== "no-route") return answer;
        route.missing = true;
        return { rows: [], received: 0, last: true };
      },
      idOf: (row) => row.id,
      wanted: () => true,
      newer: (_earlier, later) => later,
    },
    log,
  );
  if (!route.missing) return [...rows.values()];
  log.warn(`GET /api/v1/${name} answered 404: this account has no list of ${name}`);
  return undefined;
}
