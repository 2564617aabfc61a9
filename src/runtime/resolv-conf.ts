// The name servers of this process, as its /etc/resolv.conf has them now: a laptop changes networks.

import { readFile } from 'node:fs/promises';
import { parseIp } from '../mesh/address.ts';

/** A name server to ask. */
export interface NameServer {
  readonly address: string;
  readonly port: number;
}

/** resolv.conf(5): more are not used. */
const maxServers = 3;

/** The servers of a resolv.conf, in order. */
export function parseResolvConf(text: string): NameServer[] {
  return text
    .split('\n')
    .flatMap((line) => {
      const [keyword, address] = line.trim().split(/\s+/);
      const parsed = keyword === 'nameserver' ? parseIp(address ?? '') : undefined;
      return parsed === undefined ? [] : [{ address: parsed, port: 53 }];
    })
    .slice(0, maxServers);
}

/** Reads this process's servers; none when there is no such file. */
export async function readNameServers(file: string = '/etc/resolv.conf'): Promise<NameServer[]> {
  try {
    return parseResolvConf(await readFile(file, 'utf8'));
  } catch {
    return []; // the caller answers, and logs, that there is no server
  }
}
