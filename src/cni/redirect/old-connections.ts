// Connections of a pod from before it was redirected. The rules end them with their next packet,
// since that packet is the first which the kernel tracks; ended at once, idle ones leave their
// owners' pools before anybody sends a request on them.

import { type TcpConnection, tcpConnections } from '../../linux/connections.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';

/** The connections of a pod that go beyond the pod. @throws LinuxError */
export async function connectionsBeyond(namespace: NetworkNamespace): Promise<TcpConnection[]> {
  const all = await tcpConnections(namespace);
  return all.filter(({ local, remote }) => {
    const address = addressIn(remote);
    return address !== addressIn(local) && address !== '127.0.0.1' && address !== '::1';
  });
}

function addressIn(end: string): string {
  const address = end.slice(0, end.lastIndexOf(':'));
  return address.replace(/^\[(?:::ffff:(?=[\d.]+\]))?(.*)\]$/, '$1');
}
