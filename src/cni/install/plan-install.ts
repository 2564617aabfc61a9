// What to change in a node's CNI folder so that every new pod comes by our plugin, or so that nothing of
// ours is left. Pure: folders in, plans out.

import {
  copyWithEntry,
  type FolderFile,
  hasEntry,
  isConfigurationName,
  isCopy,
  isOurs,
  istioPluginType,
  type NetworkFile,
  type PluginEntry,
  pluginType,
  readNetworkFile,
  withEntry,
  withoutEntry,
} from './network-file.ts';

/** Where our plugin goes: into the node's own configuration, or into a copy of it that comes first. */
export type ConfigurationMode =
  | { readonly kind: 'chained' }
  | { readonly kind: 'owned'; readonly fileName: string };

/** What the folder should say. */
export interface Wish {
  readonly mode: ConfigurationMode;
  readonly entry: PluginEntry;
}

/** A change of the folder; files are written before others are removed. */
export interface FolderChange {
  readonly write: readonly FolderFile[];
  readonly remove: readonly string[];
}

/** Something that the operator should know of. */
export interface FolderRemark {
  readonly code: 'AMB1321' | 'AMB1322' | 'AMB1323' | 'AMB1324';
  readonly file: string;
  readonly what: string;
}

/** What to do about the folder, and why. */
export type InstallPlan =
  | { readonly kind: 'wait'; readonly reason: string; readonly remarks: readonly FolderRemark[] }
  | {
      readonly kind: 'settled';
      readonly primary: NetworkFile;
      readonly remarks: readonly FolderRemark[];
    }
  | {
      readonly kind: 'change';
      readonly primary: NetworkFile;
      readonly change: FolderChange;
      readonly reason: string;
      readonly remarks: readonly FolderRemark[];
    };

/** Plans an installation: the first valid configuration in the order of names, which is the one that
 * runtimes use, gets our plugin as its last. Files that cannot be read are never written. */
export function planInstall(files: readonly FolderFile[], wish: Wish): InstallPlan {
  const { mode } = wish;
  const { valid, remarks } = readAll(files);
  const primary = valid.find((file) => hasOthers(file) && !isCopy(file));
  if (primary === undefined) {
    const reason = 'the CNI folder has no valid configuration of a network plugin yet';
    return { kind: 'wait', reason, remarks };
  }
  const foreign = otherMesh(primary);
  if (foreign !== undefined) remarks.push(foreign);
  const planned =
    mode.kind === 'owned'
      ? planOwned(valid, primary, { entry: wish.entry, fileName: mode.fileName }, remarks)
      : planChained(primary, wish.entry);
  const stale = leftovers(valid, mode.kind === 'owned' ? mode.fileName : primary.name);
  const change = {
    write: [...(planned?.change.write ?? []), ...stale.write],
    remove: [...(planned?.change.remove ?? []), ...stale.remove],
  };
  if (change.write.length + change.remove.length === 0) {
    return { kind: 'settled', primary, remarks };
  }
  const reason = planned?.reason ?? 'an earlier installation left the plugin elsewhere too';
  return { kind: 'change', primary, change, reason, remarks };
}

/** Plans the end of an installation: nothing of ours is left, and all else is as it was. */
export function planRemoval(files: readonly FolderFile[]): FolderChange {
  return leftovers(readAll(files).valid, undefined);
}

interface Planned {
  readonly change: FolderChange;
  readonly reason: string;
}

function planChained(primary: NetworkFile, entry: PluginEntry): Planned | undefined {
  if (hasEntry(primary, entry)) return undefined;
  const written = withEntry(primary, entry);
  const remove = written.name === primary.name ? [] : [primary.name];
  return { change: { write: [written], remove }, reason: whyChange(primary) };
}

function whyChange({ name, types, form }: NetworkFile): string {
  if (form === 'single') return `${name} becomes a list`;
  if (!types.includes(pluginType)) return `${name} does not call the plugin`;
  return types.at(-1) === pluginType
    ? `${name} has other settings for the plugin`
    : `${name} does not call the plugin last`;
}

function planOwned(
  valid: readonly NetworkFile[],
  primary: NetworkFile,
  { entry, fileName }: { readonly entry: PluginEntry; readonly fileName: string },
  remarks: FolderRemark[],
): Planned | undefined {
  if (primary.name < fileName) {
    const what = `${primary.name} comes before it in the order of names, so runtimes use that one`;
    remarks.push({ code: 'AMB1324', file: fileName, what });
  }
  const copy = copyWithEntry(primary, entry, fileName);
  if (valid.find(({ name }) => name === fileName)?.text === copy.text) return undefined;
  const reason = `${fileName} is not ${primary.name} with the plugin`;
  return { change: { write: [copy], remove: [] }, reason };
}

/** Takes our plugin out of every file but the one to be kept. */
function leftovers(valid: readonly NetworkFile[], kept: string | undefined): FolderChange {
  const write: FolderFile[] = [];
  const remove: string[] = [];
  for (const file of valid) {
    if (file.name === kept || !isOurs(file)) continue;
    const restored = withoutEntry(file);
    if (restored === undefined || isCopy(file) || !hasOthers(file)) {
      remove.push(file.name);
      continue;
    }
    write.push(restored);
    if (restored.name !== file.name) remove.push(file.name);
  }
  return { write, remove };
}

function readAll(files: readonly FolderFile[]): {
  readonly valid: readonly NetworkFile[];
  readonly remarks: FolderRemark[];
} {
  const valid: NetworkFile[] = [];
  const remarks: FolderRemark[] = [];
  const inOrder = files
    .filter(({ name }) => isConfigurationName(name))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  for (const file of inOrder) {
    const read = readNetworkFile(file);
    if (typeof read === 'string') remarks.push({ code: 'AMB1322', file: file.name, what: read });
    else valid.push(read);
  }
  return { valid, remarks };
}

function hasOthers(file: NetworkFile): boolean {
  return file.types.some((type) => type !== pluginType);
}

function otherMesh(file: NetworkFile): FolderRemark | undefined {
  if (!file.types.includes(istioPluginType)) return undefined;
  const what = `it calls ${istioPluginType} too, the plugin of another mesh`;
  return { code: 'AMB1323', file: file.name, what };
}
