// Two networks with a pod on each that can not reach each other, and between them a gateway that ends
// tunnels and passes on what comes out of them. Both families; each pod has its own node proxy.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { applyRedirection } from '../../src/cni/redirect/apply.ts';
import { socketStream } from '../../src/dataplane/duplex-stream.ts';
import { splice } from '../../src/dataplane/splice.ts';
import type { TunnelRequest } from '../../src/dataplane/tunnel/tunnel.ts';
import { TunnelServer } from '../../src/dataplane/tunnel/tunnel-server.ts';
import { ip } from '../../src/linux/ip.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { keyOfService, type Service } from '../../src/mesh/service.ts';
import type { GatewayAddress, Workload } from '../../src/mesh/workload.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../../src/runtime/metrics.ts';
import { NodeProxy } from '../../src/ztunnel/node-proxy.ts';
import { makeNamespace, probeAddresses } from '../cni/pod-network.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type Published, publish } from '../support/mesh-state.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { identity } from '../support/tunnels.ts';

/** `near` is the gateway's leg on the client's network. */
export const places = {
  client: { ipv4: '10.81.0.2', ipv6: 'fd81::2' },
  near: { ipv4: '10.81.0.9', ipv6: 'fd81::9' },
  far: { ipv4: '10.82.0.9', ipv6: 'fd82::9' },
  server: { ipv4: '10.82.0.3', ipv6: 'fd82::3' },
} as const;
/** Of the service, on the client's network. */
export const virtual = { ipv4: '10.96.0.20', ipv6: 'fd96::20' } as const;

export interface TwoNetworks {
  readonly namespaces: Readonly<Record<'client' | 'gateway' | 'server', NetworkNamespace>>;
  readonly proxies: { readonly client: NodeProxy; readonly server: NodeProxy };
  readonly registries: Readonly<Record<'client' | 'server', MetricsRegistry>>;
  /** `echo`, port 80, as the client's network sees it. */
  readonly service: Service;
  /** Stands for the endpoints on the other network, as the client's network sees them. */
  readonly remote: Workload;
  /** What the gateway was asked for. */
  readonly requests: TunnelRequest[];
  readonly publishToClient: (change: Published) => void;
}

/** Where the client's network finds the gateway. */
export const gatewayByName: GatewayAddress = {
  destination: {
    kind: 'hostname',
    namespace: 'default',
    hostname: 'gateway.default.svc.cluster.local',
  },
  hbonePort: 15_008,
};

/** Starts everything. */
export async function startTwoNetworks(
  stack: AsyncDisposableStack,
  options: { readonly baggage?: boolean } = {},
): Promise<TwoNetworks> {
  const namespaces = await connectPlaces(stack);
  const authority = new TestAuthority();
  const registries = { client: createRegistry(), server: createRegistry() };
  const start = (node: 'client' | 'server', network: string): NodeProxy =>
    stack.use(
      new NodeProxy({
        node,
        network,
        certificateSource: (wanted) => authority.issue(wanted),
        configVersion: () => 'c0ffee',
        registry: registries[node],
        hostLookup: { nameServers: () => Promise.resolve([]), ipv6: true },
        clock: systemClock,
        log: silentLogger,
        random: Math.random,
        ...options,
      }),
    );
  const proxies = { client: start('client', 'one'), server: start('server', 'two') };
  const requests = await serveGateway(stack, namespaces.gateway, authority);
  const { service, remote } = describeNetworks(proxies);
  for (const name of ['client', 'server'] as const) {
    const pod = { uid: `uid-${name}`, name, namespace: 'default', serviceAccount: name };
    const own = NetworkNamespace.open(`/proc/self/fd/${namespaces[name].fd}`);
    const problem = proxies[name].pods.add(pod, own);
    if (problem !== '') throw new Error(problem);
    await applyRedirection(namespaces[name], {
      ipv6: true,
      captureDns: false,
      bypassInbound: false,
      virtualInterfaces: [],
      probeAddresses,
    });
  }
  const publishToClient = (change: Published): void => publish(proxies.client.state, change);
  return { namespaces, proxies, registries, service, remote, requests, publishToClient };
}

/** Each network's controller tells of its own pods, and of the other network what leads there. */
function describeNetworks(proxies: TwoNetworks['proxies']) {
  const both = (name: keyof typeof places, network: string) => ({
    network,
    addresses: [ipAddress(places[name].ipv4), ipAddress(places[name].ipv6)],
  });
  const service = aService('echo', {
    addresses: Object.values(virtual).map((text) => ({ network: 'one', address: ipAddress(text) })),
    subjectAltNames: [identity('server')],
  });
  const gateway = aService('gateway', {
    ports: [{ servicePort: 15_008, targetPort: 15_008, appProtocol: 'unknown' }],
  });
  const behind = (of: Service) => new Map([[keyOfService(of), of.ports]]);
  const remote = aWorkload('echo-on-two', {
    uid: 'two/split-horizon/echo',
    network: 'two',
    networkGateway: gatewayByName,
    services: behind(service),
  });
  publish(proxies.client.state, {
    workloads: [
      aWorkload('client', { ...both('client', 'one'), node: 'client' }),
      aWorkload('gateway', { ...both('near', 'two'), services: behind(gateway) }),
      remote,
    ],
    services: [service, gateway],
  });
  publish(proxies.server.state, {
    workloads: [
      aWorkload('server', { ...both('server', 'two'), node: 'server', services: behind(service) }),
      // Whoever is at the gateway's address here is not who speaks through it.
      aWorkload('gateway', both('far', 'two')),
    ],
    services: [{ ...service, addresses: [] }],
  });
  return { service, remote };
}

/** Ends outer tunnels for `echo` and carries their bytes to the server's node proxy, unread. */
async function serveGateway(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  authority: TestAuthority,
): Promise<TunnelRequest[]> {
  const requests: TunnelRequest[] = [];
  const certificate = await authority.issue(identity('gateway'));
  const carry = async (request: TunnelRequest): Promise<void> => {
    if (!request.authority.startsWith('echo.default.')) {
      request.refuse(503);
      return;
    }
    const host = places.server[request.local.address.includes(':') ? 'ipv6' : 'ipv4'];
    const socket = await connectTcp({ host, port: 15_008, namespace });
    await splice(request.accept(), socketStream(socket));
  };
  const server = stack.use(
    new TunnelServer({
      certificate: () => Promise.resolve(certificate),
      onRequest: (request) => {
        requests.push(request);
        void carry(request);
      },
      clock: systemClock,
      log: silentLogger,
    }),
  );
  const { fd } = listenTcp({ host: '::', port: 15_008, namespace });
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    server.accept(socket),
  );
  stack.defer(() => void listener.close());
  listener.listen({ fd });
  await once(listener, 'listening');
  return requests;
}

async function connectPlaces(stack: AsyncDisposableStack): Promise<TwoNetworks['namespaces']> {
  const [client] = makeNamespace(stack, 'client');
  const [gateway] = makeNamespace(stack, 'gateway');
  const [server] = makeNamespace(stack, 'server');
  for (const { pod, name, own, leg } of [
    { pod: client, name: 'one', own: places.client, leg: places.near },
    { pod: server, name: 'two', own: places.server, leg: places.far },
  ]) {
    const eth0 = `peer name eth0 netns /proc/${process.pid}/fd/${pod.fd}`;
    await ip(
      [
        `link add ${name} type veth ${eth0}`,
        `address add ${leg.ipv4}/24 dev ${name}`,
        `address add ${leg.ipv6}/64 dev ${name} nodad`,
        `link set dev ${name} up`,
      ],
      gateway,
    );
    await ip(
      [
        `address add ${own.ipv4}/24 dev eth0`,
        `address add ${own.ipv6}/64 dev eth0 nodad`,
        'link set dev eth0 up',
        `-4 route add default via ${leg.ipv4}`,
        `-6 route add default via ${leg.ipv6}`,
      ],
      pod,
    );
  }
  return { client, gateway, server };
}
