// The dump of a node proxy, ours or a stock ztunnel's, as the tables read it (protocol section 7.6). What is
// missing counts as empty: versions differ, and a dump may come from a file. Pure.

import { AmbitError } from '../../runtime/errors.ts';

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** The parts of a dump, each as it was sent. */
export interface ZtunnelDump {
  readonly workloads: readonly Fields[];
  readonly services: readonly Fields[];
  readonly policies: readonly Fields[];
  readonly certificates: readonly Fields[];
  /** The pods that the proxy serves, with their connections. */
  readonly workloadState: readonly Fields[];
  readonly whole: Fields;
}

/** Takes a dump apart. Older ztunnels write maps where newer ones write lists.
 * @throws AmbitError AMB1834 naming `source` when it is no dump */
export function readDump(value: unknown, source: string): ZtunnelDump {
  const whole = fieldsOf(value);
  const isDump = ['workloads', 'services', 'policies'].every((part) => Object.hasOwn(whole, part));
  if (!isDump) {
    const problem = 'it has no workloads, services and policies';
    throw new AmbitError('AMB1834', problem, { object: source });
  }
  return {
    workloads: listOf(whole, 'workloads'),
    services: listOf(whole, 'services'),
    policies: listOf(whole, 'policies'),
    certificates: listOf(whole, 'certificates'),
    workloadState: listOf(whole, 'workloadState'),
    whole,
  };
}

/** An object's fields; none where there is no object. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}

/** The objects of a list, or of a map. */
export function listOf(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(fieldsOf(value));
  return members.map(fieldsOf);
}

/** The texts of a list. */
export function textsOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  const members: readonly unknown[] = Array.isArray(value) ? value : [];
  return members.filter((member) => typeof member === 'string');
}

/** A text field; empty where there is none. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}
