// Listening on an address, whatever families the machine has.

import { AmbitError, causeChain } from '../runtime/errors.ts';

/** Listens, on all IPv4 addresses where all of both families are wanted and there is no IPv6.
 * Rejects with AMB1651 when the address cannot be had. */
export async function onHost<T>(
  host: string,
  port: number,
  listen: (host: string) => Promise<T>,
): Promise<T> {
  try {
    return await listen(host);
  } catch (cause) {
    if (host === '::' && /EAFNOSUPPORT|EADDRNOTAVAIL/.test(causeChain(cause))) {
      return await onHost('0.0.0.0', port, listen);
    }
    throw new AmbitError('AMB1651', `cannot listen on ${host} port ${port}`, { cause });
  }
}
