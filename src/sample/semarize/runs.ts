import { createHash, randomUUID } from "node:crypto";
import { KITS, type Finding, type Kit } from "./kits.ts";
import { readLines } from "./lines.ts";
import type { SemarizeQuirk } from "./quirks.ts";

export interface SampleRun {
  readonly id: string;
  /** Counts runs from 1. */
  readonly number: number;
  readonly key: string | undefined;
  readonly bodyHash: string;
  readonly kit: Kit;
  readonly version: number;
  readonly type: string;
  readonly transcript: string;
  readonly createdMs: number;
  readonly endsMs: number;
  /** How often it was sent; more than 1 when a client came again with the same key. */
  posts: number;
}

/** A run as it was asked for. */
export interface Order {
  readonly kit: Kit;
  readonly version: number;
  readonly type: string;
  readonly transcript: string;
  readonly key: string | undefined;
  readonly body: string;
}

/** The workspace: its runs, and how long one takes. Time is the machine's; nothing runs in between. */
export class Runs {
  latencyMs: number;
  quirks: ReadonlySet<SemarizeQuirk>;
  readonly #runs = new Map<string, SampleRun>();
  readonly #byKey = new Map<string, SampleRun>();

  constructor(latencyMs: number, quirks: ReadonlySet<SemarizeQuirk>) {
    this.latencyMs = latencyMs;
    this.quirks = quirks;
  }

  /** The run for an order: a new one, or the one that its key had before; undefined when that was for another body. */
  submit({ kit, version, type, transcript, key, body }: Order): SampleRun | undefined {
    const bodyHash = createHash("sha256").update(body).digest("hex");
    const known = key === undefined ? undefined : this.#byKey.get(key);
    if (known !== undefined) {
      if (known.bodyHash !== bodyHash) return undefined;
      known.posts++;
      return known;
    }
    const createdMs = Date.now();
    const number = this.#runs.size + 1;
    const endsMs = createdMs + this.latencyMs;
    const run = {
      id: randomUUID(),
      number,
      key,
      bodyHash,
      kit,
      version,
      type,
      transcript,
      createdMs,
      endsMs,
      posts: 1,
    };
    this.#runs.set(run.id, run);
    if (key !== undefined) this.#byKey.set(key, run);
    return run;
  }

  get(id: string): SampleRun | undefined {
    return this.#runs.get(id);
  }

  /** Newest first. */
  all(): SampleRun[] {
    return [...this.#runs.values()].reverse();
  }

  clear(): void {
    this.#runs.clear();
    this.#byKey.clear();
  }

  statusOf(run: SampleRun): "queued" | "running" | "succeeded" | "failed" | "cancelled" {
    const now = Date.now();
    if (now < run.endsMs) return now < run.createdMs + (run.endsMs - run.createdMs) / 3 ? "queued" : "running";
    if (!this.quirks.has("S04")) return "succeeded";
    return run.number % 7 === 0 ? "failed" : run.number % 11 === 0 ? "cancelled" : "succeeded";
  }

  /** The run as the API shows it. */
  shown(run: SampleRun): Record<string, unknown> {
    const status = this.statusOf(run);
    const { kit, version } = run;
    const about = { kit_code: kit.code, kit_version_id: kit.versions[version] };
    const common = {
      run_id: run.id,
      status,
      run_type: run.type,
      ...about,
      created_at: new Date(run.createdMs).toISOString(),
      ...(this.quirks.has("S05") ? { billing: { credits: 1 }, worker: null } : {}),
    };
    if (status === "queued" || status === "running") return common;
    const ended = {
      ...common,
      finished_at: new Date(run.endsMs).toISOString(),
      duration_ms: run.endsMs - run.createdMs,
    };
    if (status === "cancelled") return ended;
    if (status === "failed") {
      const words = { error_message: "The model gave no usable answer.", error_user_message: "Please try again." };
      return { ...ended, error_code: "evaluation_failed", ...words };
    }
    const bricks = this.#bricks(kit.score(readLines(run.transcript), version));
    return this.quirks.has("S01") ? { ...ended, bricks } : { ...ended, output: { ...about, bricks } };
  }

  #bricks(findings: Record<string, Finding>): Record<string, unknown> {
    const bricks = Object.entries(findings).map(([key, { value, evidence }]): [string, unknown] => {
      if (this.quirks.has("S03")) return [key, { value }];
      const shown = evidence.slice(0, 3);
      const confidence = evidence.length === 0 ? 0.6 : Math.min(99, 70 + 5 * evidence.length) / 100;
      const reason =
        evidence.length === 0 ? "Nothing in the transcript shows it." : `${evidence.length} lines show it.`;
      return [key, { value, confidence, reason, evidence: this.quirks.has("S02") ? shown.join(" … ") : shown }];
    });
    const odd = { mystery: { value: "unheard of", novelty: 1 }, shape: { value: { x: 1 } }, nothing: { value: null } };
    return { ...Object.fromEntries(bricks), ...(this.quirks.has("S05") ? odd : {}) };
  }
}

/** The kit and version that a request names; the version wins. */
export function findKit(code: unknown, versionId: unknown): { kit: Kit; version: number } | undefined {
  for (const kit of KITS) {
    const version = kit.versions.findIndex((id) => id === versionId);
    if (version !== -1) return { kit, version };
    if (versionId === undefined && kit.code === code) return { kit, version: kit.versions.length - 1 };
  }
  return undefined;
}
