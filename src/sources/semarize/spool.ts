import { mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a text lies in the spool, in bytes. */
export interface Spooled {
  readonly at: number;
  readonly bytes: number;
}

/**
 * Texts that wait on disk instead of in memory, until they are sent. The file is this user's alone and, where the system
 * allows it, has no name from the start: a process that is killed leaves no transcript behind.
 */
export class Spool implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #folder: string;
  #end = 0;

  private constructor(file: FileHandle, folder: string) {
    this.#file = file;
    this.#folder = folder;
  }

  static async open(): Promise<Spool> {
    const folder = await mkdtemp(join(tmpdir(), "chorus-elt-"));
    const file = await open(join(folder, "transcripts"), "wx+", 0o600);
    await rm(folder, { recursive: true, force: true }).catch(() => undefined); // an open file cannot go away on Windows
    return new Spool(file, folder);
  }

  async add(text: string): Promise<Spooled> {
    const bytes = Buffer.from(text);
    const at = this.#end;
    this.#end += bytes.length;
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
    return { at, bytes: bytes.length };
  }

  async text({ at, bytes }: Spooled): Promise<string> {
    const buffer = Buffer.allocUnsafe(bytes);
    for (let done = 0; done < bytes;) {
      const { bytesRead } = await this.#file.read(buffer, done, bytes - done, at + done);
      if (bytesRead === 0) throw new Error("the spool is shorter than what was written into it");
      done += bytesRead;
    }
    return buffer.toString("utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
