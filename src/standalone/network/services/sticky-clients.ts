// Session affinity lives in sets of the kernel, which a new table would forget: what is in them is carried
// over. A client that comes for the first time in the moment between is not.

import type { NetworkNamespace } from '../../../linux/network-namespace.ts';
import { nftJson } from '../../../linux/nft.ts';
import { parseIp } from '../../../mesh/address.ts';
import { listAt, numberAt, textAt, valueAt } from '../../api/json.ts';
import { clientSetPrefix, type Remembered, serviceTable } from './service-rules.ts';

/** The clients of every set of the node's table as it is now. @throws LinuxError */
export async function stickyClients(namespace: NetworkNamespace): Promise<Remembered> {
  const answer = await nftJson(['list', 'table', 'inet', serviceTable], namespace);
  const sets = listAt(answer, 'nftables').map((item) => valueAt(item, 'set'));
  return new Map(
    sets
      .map((set) => [textAt(set, 'name') ?? '', listAt(set, 'elem').flatMap(elementOf)] as const)
      .filter(([name]) => name.startsWith(clientSetPrefix)),
  );
}

/** `ADDRESS timeout T expires E`; nothing for what has no time left. */
function elementOf(element: unknown): string[] {
  const address = parseIp(textAt(element, 'elem', 'val') ?? '');
  const timeout = numberAt(element, 'elem', 'timeout');
  const expires = numberAt(element, 'elem', 'expires') ?? 0;
  if (address === undefined || expires === 0) return [];
  return [`${address}${timeout === undefined ? '' : ` timeout ${timeout}s`} expires ${expires}s`];
}
