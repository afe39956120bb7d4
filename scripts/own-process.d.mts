/** A program that ends when `stop` is done, or when this process has ended in any way. */
export interface OwnProcess {
  readonly pid: number;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** What it has written so far. */
  log(): string;
  /** Kills it and removes its folder. */
  stop(): Promise<void>;
}

export interface Options {
  /** Where it runs and writes. It goes away with the program. */
  folder: string;
  env: Record<string, string | undefined>;
}

/** Rejects, and removes the folder, when there is no such program. */
export function startOwnProcess(command: string, args: readonly string[], options: Options): Promise<OwnProcess>;

/** Ports of 127.0.0.1 that nobody listens on now. */
export function freePorts(count: number): Promise<number[]>;
