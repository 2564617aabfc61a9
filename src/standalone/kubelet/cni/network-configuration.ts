// Finding and reading the node's CNI configuration list.
// Follows https://github.com/containernetworking/cni/blob/main/SPEC.md, section 1.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../../runtime/errors.ts';

export interface PluginConfiguration {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

export interface NetworkConfiguration {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginConfiguration[];
}

/** The first configuration list of a folder in the order of names, as container runtimes choose it.
 * @throws AmbitError AMB1110 when there is none, or when it cannot be read */
export function readNetworkConfiguration(folder: string): NetworkConfiguration {
  const names = filesOf(folder)
    .filter((name) => /\.(conf|conflist|json)$/.test(name))
    .toSorted();
  const name = names[0];
  if (name === undefined) {
    throw new AmbitError('AMB1110', 'the folder has no network configuration', { object: folder });
  }
  const file = path.join(folder, name);
  return parse(file, readFileSync(file, 'utf8'));
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // a folder that is not there yet has no configuration
  }
}

function parse(file: string, text: string): NetworkConfiguration {
  const refuse = (problem: string, field?: string): AmbitError =>
    new AmbitError('AMB1110', problem, { object: file, ...(field === undefined ? {} : { field }) });
  let json: Partial<NetworkConfiguration> & { readonly type?: string };
  try {
    json = JSON.parse(text) as typeof json;
  } catch (error) {
    throw new AmbitError('AMB1110', 'it is not JSON', { object: file, cause: error });
  }
  const plugins = json.plugins ?? (json.type === undefined ? [] : [json as PluginConfiguration]);
  if (typeof json.name !== 'string' || json.name === '') throw refuse('it is missing', 'name');
  if (plugins.length === 0) throw refuse('it names no plugin', 'plugins');
  const bad = plugins.findIndex(({ type }) => typeof type !== 'string' || !/^[\w.-]+$/.test(type));
  if (bad !== -1) throw refuse('it is not the name of a program', `plugins[${bad}].type`);
  return { cniVersion: json.cniVersion ?? '0.2.0', name: json.name, plugins };
}
