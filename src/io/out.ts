import type { Writable } from "node:stream";

/** Where protocol lines go. */
export interface Out {
  /**
   * Writes a line, without its line feed. Resolves when the pipe has room again; undefined when it has room now. Throws
   * what an earlier line could not be written for.
   */
  line(text: string): Promise<void> | undefined;
  /** Resolves when all that was written has left this process. */
  drained(): Promise<void>;
  /** True when the reader has gone; lines are dropped from then on. */
  readonly closed: boolean;
}

/**
 * Lines to a pipe. A pipe buffers in memory when nobody waits, and its reader may leave (`| head`): that is EPIPE and
 * means stop quietly, so it calls `onClosed` and is no error. Small lines are gathered and written together.
 */
export function lineWriter(stream: Writable, onClosed: () => void): Out {
  let closed = false;
  let pending = "";
  let failure: Error | undefined;
  let blocked: Promise<void> | undefined;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") {
      closed = true;
      onClosed();
    } else {
      failure = error;
    }
  });
  const flush = () => {
    if (pending === "" || closed || failure !== undefined) return;
    const text = pending;
    pending = "";
    if (!stream.write(text)) blocked ??= roomAgain(stream).then(() => (blocked = undefined));
  };
  return {
    get closed() {
      return closed;
    },
    line(text) {
      if (failure !== undefined) throw failure;
      if (closed) return undefined;
      if (pending === "") setImmediate(flush);
      pending += `${text}\n`;
      if (pending.length >= GATHER) flush();
      return blocked;
    },
    async drained() {
      flush();
      if (stream.writableLength > 0 && !closed) await allWritten(stream);
      if (failure !== undefined) throw failure;
    },
  };
}

const GATHER = 16_384;

function roomAgain(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.once("drain", done).once("close", done);
  });
}

/** A "drain" only comes to who was told to wait; the end of one more write comes to everybody. */
function allWritten(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", resolve);
    stream.write("", () => {
      stream.off("close", resolve);
      resolve();
    });
  });
}
