// The plugin's program on the node: the executable with the libraries that it was linked with, in a folder
// of their own, and a launcher in the runtime's folder of plugins that starts it with them.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { catalogue } from '../../mesh/catalogue.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { replaceFile } from './config-folder.ts';
import { launcherProgram, type Processor } from './launcher.ts';
import { pluginType } from './network-file.ts';

/** Holds the executables, one folder for each that was installed and is still needed. */
const storeName = `.${pluginType}`;
const executableName = pluginType;

export interface ProgramPlaces {
  /** The executable to install. */
  readonly executable: string;
  /** The runtime's folder of plugins, as this process sees it. */
  readonly mounted: string;
  /** The same folder by its path on the node, which the launcher has to know. */
  readonly onNode: string;
}

/** What an installed program consists of, known once and compared from then on. */
export class PluginProgram {
  readonly #places: ProgramPlaces;
  readonly #parts: readonly Part[];
  readonly #version: string;
  readonly #launcher: Uint8Array;

  private constructor(places: ProgramPlaces, parts: readonly Part[], version: string) {
    this.#places = places;
    this.#parts = parts;
    this.#version = version;
    this.#launcher = launcherOf(path.join(places.onNode, storeName, version), parts);
  }

  /** Reads what is to be installed. @throws AmbitError AMB1326 */
  static async read(places: ProgramPlaces): Promise<PluginProgram> {
    const sources = [places.executable, ...libraries()];
    const hash = createHash('sha256');
    const parts: Part[] = [];
    try {
      for (const [index, source] of sources.entries()) {
        const { size } = await stat(source);
        parts.push({ source, name: index === 0 ? executableName : path.basename(source), size });
        for await (const chunk of createReadStream(source)) hash.update(chunk as Buffer);
      }
    } catch (cause) {
      const what = 'the program to install cannot be read';
      throw new AmbitError('AMB1326', what, { object: places.executable, cause });
    }
    return new PluginProgram(places, parts, hash.digest('hex').slice(0, 16));
  }

  /** Whether everything is there, by sizes and by the launcher's bytes. */
  async isInstalled(): Promise<boolean> {
    const { mounted } = this.#places;
    try {
      const launcher = await readFile(path.join(mounted, pluginType));
      if (!launcher.equals(this.#launcher)) return false;
      for (const { name, size } of this.#parts) {
        const found = await stat(path.join(mounted, storeName, this.#version, name));
        if (found.size !== size) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Puts everything in place, the launcher last: a plugin that is being started is whole at any
   * moment, of the version before or of this one. Other versions are removed. @throws AmbitError AMB1326 */
  async install(): Promise<void> {
    const { mounted } = this.#places;
    const store = path.join(mounted, storeName);
    const final = path.join(store, this.#version);
    const fresh = `${final}.new`;
    try {
      for (const old of [fresh, final]) await rm(old, { recursive: true, force: true });
      await mkdir(fresh, { recursive: true });
      for (const { source, name } of this.#parts) {
        await copyFile(source, path.join(fresh, name));
        await chmod(path.join(fresh, name), 0o755);
      }
      await rename(fresh, final);
      await replaceFile(path.join(mounted, pluginType), this.#launcher, 0o755);
      for (const name of await readdir(store)) {
        if (name !== this.#version) await rm(path.join(store, name), { recursive: true });
      }
    } catch (cause) {
      const what = 'the plugin could not be installed';
      throw new AmbitError('AMB1326', what, { object: mounted, cause });
    }
  }
}

/** Takes the program of whichever version off a node. @throws the error of the file system */
export async function removeProgram(mounted: string): Promise<void> {
  await rm(path.join(mounted, pluginType), { force: true });
  await rm(path.join(mounted, storeName), { recursive: true, force: true });
}

interface Part {
  readonly source: string;
  readonly name: string;
  readonly size: number;
}

const isLoader = (file: string): boolean => /^ld-.*\.so/.test(path.basename(file));

/** What this process is linked with: the executable is the same Node. */
function libraries(): string[] {
  // Which would ask name servers. Node's types do not know it yet.
  Reflect.set(process.report, 'excludeNetwork', true);
  const { sharedObjects } = process.report.getReport() as { sharedObjects: readonly string[] };
  return sharedObjects.filter((file) => {
    const name = path.basename(file);
    return path.isAbsolute(file) && (isLoader(file) || /^lib[\w.+-]*\.so/.test(name));
  });
}

function launcherOf(folder: string, parts: readonly Part[]): Uint8Array {
  const executable = path.join(folder, executableName);
  const loader = parts.find(({ source }) => isLoader(source));
  const plain = { path: executable, words: [executable] };
  const { path: program, words } =
    loader === undefined
      ? plain
      : {
          path: path.join(folder, loader.name),
          words: [loader.name, '--library-path', folder, executable],
        };
  const complaint = `${JSON.stringify({
    cniVersion: '1.0.0',
    code: 5,
    msg: `AMB1327 the CNI plugin cannot start ${program}`,
    details: catalogue.AMB1327.remedy,
  })}\n`;
  return launcherProgram(process.arch as Processor, { path: program, words, complaint });
}
