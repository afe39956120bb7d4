import type { OwnProcess } from "./own-process.mjs";

/** The emulator cannot be had on this machine. Tests are skipped for this reason and for no other. */
export class NoBigQuery extends Error {}

/** An emulator of our own, empty. Nothing of it is left when `stop` is done, or when this process has ended in any way. */
export interface Server extends OwnProcess, AsyncDisposable {
  readonly project: string;
  /** Of the REST API, without a path: `http://127.0.0.1:port`. */
  readonly url: string;
  /** Of the Storage Read and Write APIs, on 127.0.0.1. */
  readonly grpcPort: number;
}

/**
 * Installs the emulator into `.chorus-elt/bigquery-emulator` (or below CHORUS_ELT_HOME), from packages pinned by hash, when it is
 * missing or its lock file has changed; gives the folder. Throws NoBigQuery where there is no Python 3.13, no uv, or no
 * registry to take packages from.
 */
export function setupBigQuery(): string;

/** Starts what `setupBigQuery` has installed, on free ports of 127.0.0.1. Rejects with NoBigQuery when nothing is. */
export function startBigQuery(): Promise<Server>;
