// The routing that brings answers for foreign addresses back to the proxy's transparent sockets
// (protocol section 1.3). Each family stands alone: one that is in place already, or broken, does
// not keep the other from being repaired.

import { LinuxError } from '../../linux/errors.ts';
import { ip, ipJson } from '../../linux/ip.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { markMask, returnMark } from './rules.ts';

const table = 100;
const priority = 32764;
const hex = (mark: number): string => `0x${mark.toString(16)}`;
const selector = [
  `priority ${priority}`,
  `fwmark ${hex(returnMark)}/${hex(markMask)}`,
  `lookup ${table}`,
].join(' ');

const families = {
  ipv4: { option: '-4', everything: '0.0.0.0/0' },
  ipv6: { option: '-6', everything: '::/0' },
} as const;
export type RoutedFamily = keyof typeof families;

/** Routes what bears the return mark to the pod itself. Idempotent. @throws LinuxError */
export async function addPolicyRouting(
  family: RoutedFamily,
  namespace: NetworkNamespace,
): Promise<void> {
  const { option, everything } = families[family];
  const route = `${option} route replace local ${everything} dev lo table ${table}`;
  await bothOf(
    ip([route], namespace),
    tolerating(['EEXIST'], ip([`${option} rule add ${selector}`], namespace)),
  );
}

/** Waits for two steps that do not need each other, to the end of both. @throws the first's failure */
export async function bothOf(one: Promise<void>, other: Promise<void>): Promise<void> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
}

/** Takes it away; what is not there is no error. @throws LinuxError */
export async function removePolicyRouting(
  family: RoutedFamily,
  namespace: NetworkNamespace,
): Promise<void> {
  const { option, everything } = families[family];
  const absent = ['ENOENT', 'ESRCH', 'EAFNOSUPPORT'];
  await tolerating(absent, ip([`${option} rule del ${selector}`], namespace));
  const route = `${option} route del local ${everything} dev lo table ${table}`;
  await tolerating(absent, ip([route], namespace));
}

/** What is missing of it, as sentence parts. @throws LinuxError */
export async function policyRoutingProblems(
  family: RoutedFamily,
  namespace: NetworkNamespace,
): Promise<string[]> {
  const { option } = families[family];
  const absent = { ENOENT: [], EIO: [] };
  const rules = await ipJson([option, 'rule', 'show', 'priority', `${priority}`], namespace);
  const listing = ipJson([option, 'route', 'show', 'table', `${table}`], namespace);
  // A table that nothing was ever put in does not exist, which is an error of ip.
  const routes = await listing.catch((error: unknown) => {
    if (error instanceof LinuxError && error.errno in absent) return [];
    throw error;
  });
  const problems: string[] = [];
  if (!some(rules, { fwmark: hex(returnMark), fwmask: hex(markMask), table: `${table}` })) {
    problems.push(`the ${family} routing rule ${priority} is missing`);
  }
  if (!some(routes, { type: 'local', dst: 'default', dev: 'lo' })) {
    problems.push(`the ${family} route of table ${table} is missing`);
  }
  return problems;
}

function some(listing: unknown, wanted: Readonly<Record<string, string>>): boolean {
  if (!Array.isArray(listing)) return false;
  return listing.some((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return false;
    return Object.entries(wanted).every(([key, value]) => Reflect.get(entry, key) === value);
  });
}

async function tolerating(errnos: readonly string[], work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof LinuxError) || !errnos.includes(error.errno)) throw error;
  }
}
