// A CNI folder on disk: read, and changed so that a runtime that looks at any moment finds either the
// old file or the new one.

import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type FolderFile, isConfigurationName } from './network-file.ts';
import type { FolderChange } from './plan-install.ts';

/** Larger files are no network configurations. */
const maxFileBytes = 1024 * 1024;

/** All configurations of a folder; what cannot be read counts as empty, which is told as invalid.
 * @throws the error of the file system when the folder cannot be read */
export async function readConfigFolder(folder: string): Promise<readonly FolderFile[]> {
  const names = (await readdir(folder)).filter(isConfigurationName);
  return await Promise.all(
    names.map(async (name) => ({ name, text: (await textOf(path.join(folder, name))) ?? '' })),
  );
}

/** Carries a change out. A file keeps its mode; a new one gets `mode`.
 * @param seen the files as they were when the change was planned
 * @returns false, with nothing done, when one that is to be written or removed is not as it was
 * @throws the error of the file system */
export async function changeConfigFolder(
  folder: string,
  change: FolderChange,
  seen: readonly FolderFile[],
  mode: number,
): Promise<boolean> {
  for (const name of [...change.write.map((file) => file.name), ...change.remove]) {
    const before = seen.find((file) => file.name === name)?.text;
    if ((await textOf(path.join(folder, name))) !== before) return false;
  }
  const replaced = change.remove[0];
  for (const { name, text } of change.write) {
    const file = path.join(folder, name);
    const modeBefore =
      (await modeOf(file)) ?? (replaced && (await modeOf(path.join(folder, replaced))));
    await replaceFile(file, text, modeBefore || mode);
  }
  for (const name of change.remove) await rm(path.join(folder, name), { force: true });
  return true;
}

/** Writes a file beside its place and moves it there. */
export async function replaceFile(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  // No runtime reads what ends on this.
  const fresh = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}.tmp`);
  try {
    const opened = await open(fresh, 'wx', mode);
    try {
      await opened.writeFile(content);
      await opened.sync();
    } finally {
      await opened.close();
    }
    await chmod(fresh, mode); // whatever the umask is
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    return size > maxFileBytes ? '' : await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function modeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mode & 0o777;
  } catch {
    return undefined;
  }
}
