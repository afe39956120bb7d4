import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { EltError } from "../../core/errors.ts";

/**
 * The transcripts in a folder and in the folders in it: paths from there, with `/`, in the order of their characters.
 * Hidden files and folders are left out. A link to a file is read, a link to a folder is not followed, so that no
 * folder comes twice or without end. Throws CONFIG_INVALID when there is no such folder.
 */
export async function transcriptFiles(path: string): Promise<string[]> {
  const found: string[] = [];
  await walk(path, "", found);
  return found.sort((a, b) => (a < b ? -1 : 1));
}

async function walk(root: string, folder: string, found: string[]): Promise<void> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((cause: unknown) => {
    const which = folder === "" ? root : join(root, folder);
    throw new EltError("CONFIG_INVALID", `\`path\`: the folder ${which} cannot be read`, { cause });
  });
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) await walk(root, path, found);
    else if (/\.vtt$/i.test(entry.name) && (entry.isFile() || (await isLinkToFile(join(root, path))))) found.push(path);
  }
}

async function isLinkToFile(path: string): Promise<boolean> {
  const target = await stat(path).catch(() => undefined);
  return target?.isFile() === true;
}
