// What runs on a local network: a service proxy and a name server per node.

import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { readNameServers } from '../../runtime/resolv-conf.ts';
import type { ObjectStore } from '../api/store.ts';
import { NameServer } from '../dns/name-server.ts';
import { Resolver } from '../dns/resolver.ts';
import { Upstream, type UpstreamOptions } from '../dns/upstream.ts';
import { dnsAddress } from './address-plan.ts';
import { publishClusterServices } from './cluster-services.ts';
import type { LocalNode } from './local-node.ts';
import { ServiceProxy } from './services/service-proxy.ts';
import { ServiceTable } from './services/service-table.ts';

export interface ServeOptions {
  readonly nodes: readonly LocalNode[];
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name servers of the outside world; by default those of the machine. */
  readonly servers?: UpstreamOptions['servers'];
}

/** Running proxies and name servers. */
export interface Serving extends AsyncDisposable {
  /** Resolves when every node has the rules of the services as they are now. */
  settled(): Promise<void>;
}

/** Starts them; disposing ends them, and leaves the rules for the namespaces to take along.
 * @throws AmbitError AMB1157 when a name server cannot listen */
export async function serveNetwork(options: ServeOptions): Promise<Serving> {
  const { nodes, store, clock, log } = options;
  await using building = new AsyncDisposableStack();
  publishClusterServices(store, nodes);
  const table = building.use(new ServiceTable(store));
  const upstream = new Upstream({ servers: options.servers ?? readNameServers });
  const resolver = new Resolver({ services: table, upstream, log });
  const proxies: ServiceProxy[] = [];
  for (const node of nodes) {
    const { namespace } = node;
    proxies.push(building.use(new ServiceProxy(node, table, { clock, log })));
    const addresses = [...Object.values(dnsAddress), ...Object.values(node.addresses)];
    building.use(await NameServer.start({ namespace, addresses, resolver }));
  }
  const owned = building.move();
  return {
    settled: async () => {
      // The store tells of changes in the next turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      for (const proxy of proxies) await proxy.settled();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
