// One network configuration of a node's CNI folder: read, and with our plugin put in or taken out. Pure.
// Forms: https://github.com/containernetworking/cni/blob/main/SPEC.md, section 1.

import { elementSpans, memberSpan, type Span } from './json-spans.ts';

/** The name of our plugin in configurations, and of its program. */
export const pluginType = 'ambit-cni';
/** Istio's plugin. Beside ours it is a second mesh. */
export const istioPluginType = 'istio-cni';
/** In a list that was one plugin's file: that file's name, so that it can be put back. */
const convertedKey = 'ambit.io/converted-from';
/** In a file of our own: the name of the file that it is a copy of. */
const copyKey = 'ambit.io/copy-of';

/** What runtimes take for configurations, in the order of names. */
const configurationName = /\.(conf|conflist|json)$/;
/** Of a configuration that names none (the reference runtime's words for a cluster's network). */
const usualName = 'k8s-pod-network';
const usualVersion = '0.3.1';

/** A file as it was found. */
export interface FolderFile {
  readonly name: string;
  readonly text: string;
}

/** A configuration that a runtime would take. */
export interface NetworkFile extends FolderFile {
  /** `list`: of plugins; `single`: of one, as older runtimes have it. */
  readonly form: 'list' | 'single';
  /** The plugins' types, in the order of the chain. */
  readonly types: readonly string[];
}

/** The entry of our plugin. */
export type PluginEntry = Readonly<Record<string, unknown>> & { readonly type: typeof pluginType };

/** Whether a runtime looks at files of this name. */
export function isConfigurationName(name: string): boolean {
  return configurationName.test(name);
}

/** Reads a file, or says what is wrong with it as a sentence part. */
export function readNetworkFile(file: FolderFile): NetworkFile | string {
  let json: unknown;
  try {
    json = JSON.parse(file.text);
  } catch (error) {
    return `is not JSON (${error instanceof Error ? error.message : String(error)})`;
  }
  if (!isObject(json)) return 'is not a JSON object';
  if (!file.name.endsWith('.conflist')) {
    const { type } = json;
    if (typeof type !== 'string' || type === '') return 'names no plugin: field type is missing';
    return { ...file, form: 'single', types: [type] };
  }
  const { name, plugins } = json;
  if (typeof name !== 'string' || name === '') return 'has no field name';
  if (!Array.isArray(plugins) || plugins.length === 0) return 'has no plugins';
  const types: string[] = [];
  for (const [index, plugin] of plugins.entries()) {
    const type: unknown = isObject(plugin) ? plugin['type'] : undefined;
    if (typeof type !== 'string' || type === '') return `has no field plugins[${index}].type`;
    types.push(type);
  }
  return { ...file, form: 'list', types };
}

/** Whether our plugin is where it belongs, last, and only there, with this entry. */
export function hasEntry(file: NetworkFile, entry: PluginEntry): boolean {
  const { types } = file;
  if (file.form !== 'list' || types.indexOf(pluginType) !== types.length - 1) return false;
  const last = elements(file).at(-1);
  if (last === undefined) return false;
  return isSame(JSON.parse(file.text.slice(last.start, last.end)), entry);
}

/** The configuration with our plugin last. What an earlier one of us left in it is replaced; all else
 * stays as it is, character by character. A single plugin becomes a list, under a name that ends on
 * `.conflist`; its name is kept, since address management may keep what it gave out under it. */
export function withEntry(file: NetworkFile, entry: PluginEntry): FolderFile {
  const own = JSON.stringify(entry);
  if (file.form === 'single') return converted(file, own);
  const { text, name } = withoutEntries(file);
  const array = memberSpan(text, 'plugins') ?? nowhere;
  const [last, before] = elementSpans(text, array).toReversed();
  // A chain of nothing but ours: there is nothing to come after.
  if (last === undefined) return { name, text };
  const lead = text.slice(before === undefined ? array.start + 1 : before.end + 1, last.start);
  const blanks = /^\s*$/.test(lead) ? lead : ' ';
  return { name, text: `${text.slice(0, last.end)},${blanks}${own}${text.slice(last.end)}` };
}

/** The configuration without our plugin; a list that we made of one plugin's file becomes that file
 * again. Undefined when nothing of ours is in it. */
export function withoutEntry(file: NetworkFile): FolderFile | undefined {
  if (file.form === 'single') return undefined;
  const origin = originOf(file);
  if (origin !== undefined) {
    const first = elements(file)[0] ?? nowhere;
    return { name: origin, text: `${file.text.slice(first.start, first.end)}\n` };
  }
  return file.types.includes(pluginType) ? withoutEntries(file) : undefined;
}

/** A copy of a configuration with our plugin last, under a name of its own. */
export function copyWithEntry(file: NetworkFile, entry: PluginEntry, name: string): FolderFile {
  const { text } = withEntry(file, entry);
  const mark = `\n  ${JSON.stringify(copyKey)}: ${JSON.stringify(file.name)},`;
  const brace = text.indexOf('{') + 1;
  return { name, text: text.slice(0, brace) + mark + text.slice(brace) };
}

/** Whether a file is such a copy. */
export function isCopy(file: NetworkFile): boolean {
  return file.form === 'list' && copyKey in (JSON.parse(file.text) as object);
}

/** Whether anything of ours is in a file. */
export function isOurs(file: NetworkFile): boolean {
  return file.types.includes(pluginType) || isCopy(file) || originOf(file) !== undefined;
}

/** The name of the file that a list of ours was made of. */
function originOf(file: NetworkFile): string | undefined {
  if (file.form === 'single') return undefined;
  const origin = (JSON.parse(file.text) as Record<string, unknown>)[convertedKey];
  return typeof origin === 'string' && /^[^/]+\.(conf|json)$/.test(origin) ? origin : undefined;
}

function converted(file: NetworkFile, own: string): FolderFile {
  const { name, cniVersion } = JSON.parse(file.text) as Record<string, unknown>;
  const members = [
    ['cniVersion', typeof cniVersion === 'string' ? cniVersion : usualVersion],
    ['name', typeof name === 'string' && name !== '' ? name : usualName],
    [convertedKey, file.name],
  ].map((pair) => `  ${pair.map((part) => JSON.stringify(part)).join(': ')},\n`);
  const plugins = `  "plugins": [\n${file.text.trim()},\n    ${own}\n  ]\n`;
  const listName = `${file.name.slice(0, file.name.lastIndexOf('.'))}.conflist`;
  return { name: listName, text: `{\n${members.join('')}${plugins}}\n` };
}

/** Takes each entry of ours out with the comma before it, or after it where it is the first. */
function withoutEntries(file: NetworkFile): FolderFile {
  let { text } = file;
  for (let index = file.types.length - 1; index >= 0; index--) {
    if (file.types[index] !== pluginType) continue;
    const list = elementSpans(text, memberSpan(text, 'plugins') ?? nowhere);
    const [before, own, after] = [list[index - 1], list[index] ?? nowhere, list[index + 1]];
    const start = before === undefined ? own.start : before.end;
    const end = before === undefined && after !== undefined ? after.start : own.end;
    text = text.slice(0, start) + text.slice(end);
  }
  return { name: file.name, text };
}

function elements(file: NetworkFile): Span[] {
  return elementSpans(file.text, memberSpan(file.text, 'plugins') ?? nowhere);
}

/** Stands where a checked form leaves no doubt. */
const nowhere: Span = { start: 0, end: 0 };

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
