// Whether this node can run the mesh, tried out in a network namespace made for it and thrown away: what a
// pod gets is installed there for once. Before anything of the node is changed.

import { closeSync } from 'node:fs';
import { LinuxError } from '../../linux/errors.ts';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { listenTcp } from '../../linux/tcp.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { applyRedirection } from '../redirect/apply.ts';
import type { RedirectSettings } from '../redirect/rules.ts';

/** The mark of the proxy's own packets. */
const proxyMark = 1337;

/** Tries. @throws AmbitError AMB1320 naming the step that failed and what it said */
export async function tryKernel(settings: RedirectSettings): Promise<void> {
  let step = 'making and entering a network namespace';
  try {
    using namespace = NetworkNamespace.createUnnamed();
    step = 'a socket that takes the connections of others (IP_TRANSPARENT, SO_MARK)';
    const socket = { host: '127.0.0.1', port: 0, namespace, transparent: true, mark: proxyMark };
    closeSync(listenTcp(socket).fd);
    step = 'the rules of a pod';
    await applyRedirection(namespace, settings);
  } catch (cause) {
    throw new AmbitError('AMB1320', `${step} failed${hint(cause)}`, { cause });
  }
}

/** What the error of the system most likely means here. */
function hint(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof LinuxError)) continue;
    if (cause.errno === 'ENOENT') return ', for want of a program';
    if (cause.errno === 'EPERM') return ', for want of a capability';
  }
  return '';
}
