import { EltError } from "../core/errors.ts";
import { Account, HOUR_MS } from "./account.ts";
import { Changes } from "./changes.ts";
import { controlRoutes } from "./control.ts";
import { readCorpus } from "./corpus.ts";
import { flavourRoutes } from "./flavours/routes.ts";
import { gate } from "./gate.ts";
import { generate } from "./generator.ts";
import { handler } from "./handler.ts";
import type { AccountOptions } from "./options.ts";
import { QuirkSet } from "./quirks/set.ts";
import { minuteBan, tokenBucket } from "./rate.ts";
import type { Reply, SampleRequest } from "./reply.ts";
import { RequestCounts } from "./request-counts.ts";
import { TokenLife } from "./token.ts";
import { Violations } from "./violations.ts";

/** A Chorus account that answers requests, wherever they come from. */
export interface Service {
  readonly account: Account;
  readonly changes: Changes;
  readonly quirks: QuirkSet;
  readonly handle: (request: SampleRequest) => Reply;
}

/** Throws CONFIG_INVALID for an unknown quirk or zone, or a corpus that cannot be read. `mediaOrigin` is where recordings are. */
export async function openService(options: AccountOptions, mediaOrigin: () => string): Promise<Service> {
  const { token = "sample-token", auth = "any", clock = Date.now, rateHeaders: saysRate = false } = options;
  checkZone(options.accountTimezone);
  const quirks = new QuirkSet(options.quirks);
  const now = options.now ?? clock() + (quirks.has("Q25") ? 5 * HOUR_MS : 0);
  const account = new Account(await openSource(options, now), quirks, now, clock);
  const changes = new Changes(account);
  const counts = new RequestCounts();
  const violations = new Violations();
  const life = new TokenLife(quirks);
  const handle = handler({
    account,
    counts,
    refuse: gate({ account, token, auth, life }),
    limiter: limiterOf(options),
    saysRate,
    api: flavourRoutes(account, changes, { ...options, violations, mediaOrigin }),
    control: controlRoutes({ account, changes, counts, violations, life }),
  });
  return { account, changes, quirks, handle };
}

function checkZone(zone: string | undefined): void {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
  } catch (cause) {
    throw new EltError("CONFIG_INVALID", `there is no time zone "${zone}"; name one like America/New_York`, { cause });
  }
}

function limiterOf({ rate, ratePerMinute, clock = () => performance.now() }: AccountOptions) {
  if (ratePerMinute !== undefined) return minuteBan(ratePerMinute, clock);
  return rate === undefined ? undefined : tokenBucket(rate, clock);
}

async function openSource({ corpus, calls = 200, seed = 1 }: AccountOptions, nowMs: number) {
  if (corpus !== undefined) return readCorpus(corpus);
  return generate({ calls, seed, nowMs: Math.floor(nowMs / HOUR_MS) * HOUR_MS });
}
