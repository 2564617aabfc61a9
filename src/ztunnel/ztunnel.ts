// The node proxy in its surroundings: configuration and certificates from the controller, pods from the
// node agent, questions from operators.

import { followRevocationLists } from '../dataplane/certificates/follow-revocation-lists.ts';
import { followRoots } from '../dataplane/certificates/follow-roots.ts';
import { signingClient } from '../dataplane/certificates/signing-client.ts';
import { Subscription } from '../dataplane/subscription.ts';
import type { ControllerAccess } from '../dataplane/subscription-channel.ts';
import { Demand } from '../dataplane/subscription-demand.ts';
import { subscribedKind } from '../dataplane/subscription-kind.ts';
import { subscriptionMetrics } from '../dataplane/subscription-metrics.ts';
import {
  type AdminServer,
  metricsRoute,
  readinessRoute,
  startAdminServer,
} from '../runtime/admin-server.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LevelledLogger } from '../runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../runtime/metrics.ts';
import { buildMetric, processMetrics } from '../runtime/process-metrics.ts';
import { Readiness } from '../runtime/readiness.ts';
import { readNameServers } from '../runtime/resolv-conf.ts';
import { ownVersion } from '../runtime/version.ts';
import { decodeAddress } from '../wire/address.ts';
import { decodeAuthorization } from '../wire/authorization.ts';
import { type DiscoveryNode, typeUrls, versionMetadata } from '../wire/xds.ts';
import { adminRoutes } from './admin.ts';
import { NodeProxy } from './node-proxy.ts';
import { followPodFeed } from './pods/pod-feed-client.ts';
import { workloadManagerMetrics } from './pods/pod-metrics.ts';
import type { Pod } from './proxy/proxy-parts.ts';
import { checkSettings, dnsOptions, type ZtunnelSettings } from './settings.ts';

/** What a running proxy must wait for (protocol section 10.1). */
const blockers = { state: 'state manager', pods: 'workload proxy manager' } as const;

type Headers = NonNullable<ControllerAccess['headers']>;

/** What the process gives beside its settings. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: LevelledLogger;
  /** For the controller, beside what the settings say. */
  readonly metadata?: DiscoveryNode['metadata'];
  /** Sent with every stream and call. */
  readonly headers?: { readonly controller: Headers; readonly authority: Headers };
}

/** A running node proxy. */
export class Ztunnel implements AsyncDisposable {
  readonly readiness = new Readiness();
  /** Fires when an operator asked for the end. */
  readonly quit: AbortSignal;
  readonly #settings: ZtunnelSettings;
  readonly #clock: Clock;
  readonly #log: LevelledLogger;
  /** What is counted. */
  readonly registry: MetricsRegistry = createRegistry();
  readonly #proxy: NodeProxy;
  readonly #subscription: Subscription;
  readonly #demand: Demand | undefined;
  readonly #feedEnd = new AbortController();
  readonly #quit = new AbortController();
  readonly #end = new AbortController();
  readonly #servers: AdminServer[] = [];
  #feed: Promise<void> = Promise.resolve();
  /** Whether the pods are those that the node agent wants. */
  #synced = false;

  constructor(settings: ZtunnelSettings, surroundings: Surroundings) {
    const { clock, log, metadata, headers } = surroundings;
    checkSettings(settings);
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.quit = this.#quit.signal;
    for (const name of Object.values(blockers)) this.readiness.block(name);
    buildMetric(this.registry, 'ztunnel', settings.ISTIO_META_ISTIO_VERSION);
    processMetrics(this.registry, clock.now());
    const countPods = workloadManagerMetrics(this.registry);
    const dns = dnsOptions(settings);
    const demand = settings.XDS_ON_DEMAND ? new Demand(clock) : undefined;
    this.#demand = demand;
    const proxy = new NodeProxy({
      node: settings.NODE_NAME,
      network: settings.NETWORK,
      loopbackTunnel: settings.LOCALHOST_APP_TUNNEL,
      baggage: settings.ENABLE_RESPONSE_BAGGAGE,
      certificateSource: signingClient(authorityAccess(settings, headers?.authority), {
        impersonate: true,
        validityMs: settings.SECRET_TTL,
      }),
      configVersion: () => this.#subscription.configVersion,
      registry: this.registry,
      hostLookup: { nameServers: () => readNameServers(), ipv6: settings.IPV6_ENABLED },
      ...(dns && { dns }),
      ...(demand && { demand }),
      clock,
      log,
      random: Math.random,
      onPodsChange: () => {
        countPods(proxy.pods.list());
        const cluster = settings.CLUSTER_ID;
        demand?.keep(proxy.pods.list().map(({ pod }) => uidOf(pod, cluster)));
        this.#judgePods();
      },
    });
    this.#proxy = proxy;
    this.#subscription = new Subscription({
      ...controllerAccess(settings, headers?.controller),
      node: nodeOf(settings, metadata),
      kinds: [
        subscribedKind({
          typeUrl: typeUrls.address,
          decode: (_name, bytes) => decodeAddress(bytes),
          apply: (batch, turns) => proxy.state.loadAddresses(batch, turns),
          ...(demand && { demand }),
        }),
        subscribedKind({
          typeUrl: typeUrls.authorization,
          decode: (_name, bytes) => decodeAuthorization(bytes),
          apply: (batch) => proxy.state.applyAuthorizations(batch),
        }),
      ],
      clock,
      log,
      observer: subscriptionMetrics(this.registry),
    });
  }

  /** Opens the operators' ports, then connects to the controller and, once it has answered, to the node
   * agent. Resolves when the ports are open. */
  async start(): Promise<void> {
    const { ADMIN_PORT, STATS_PORT, READINESS_PORT } = this.#settings;
    const metrics = metricsRoute(this.registry);
    const routes = adminRoutes({
      proxy: this.#proxy,
      settings: this.#settings,
      clock: this.#clock,
      log: this.#log,
      subscription: this.#subscription,
      quit: () => this.#quit.abort(new Error('asked to quit')),
    });
    this.#servers.push(
      await startAdminServer({ host: '127.0.0.1', port: ADMIN_PORT }, routes),
      await startAdminServer(
        { port: STATS_PORT },
        { '/metrics': metrics, '/stats/prometheus': metrics },
      ),
      await startAdminServer(
        { port: READINESS_PORT },
        { '/healthz/ready': readinessRoute(this.readiness) },
      ),
    );
    this.#subscription.start();
    this.#followFiles();
    this.#feed = this.#follow();
  }

  /** The ports in use, in the order admin, metrics, readiness. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => server.port);
  }

  #followFiles(): void {
    const { XDS_ROOT_CA, CRL_PATH } = this.#settings;
    const { certificates, revocations } = this.#proxy;
    const parts = { clock: this.#clock, log: this.#log };
    const { signal } = this.#end;
    void followRoots({ path: XDS_ROOT_CA, certificates, ...parts, random: Math.random }, signal);
    if (CRL_PATH !== '') {
      void followRevocationLists({ path: CRL_PATH, revocations, ...parts }, signal);
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#feedEnd;
    const ended = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#subscription.ready, ended]);
    if (signal.aborted) return;
    this.readiness.unblock(blockers.state);
    this.#log.info({}, 'configuration received, asking the node agent for pods');
    await followPodFeed(
      {
        path: this.#settings.INPOD_UDS,
        pods: this.#proxy.pods,
        onSynced: (synced) => {
          this.#synced = synced;
          this.#judgePods();
        },
        clock: this.#clock,
        log: this.#log,
      },
      signal,
    );
  }

  #judgePods(): void {
    const ready = this.#synced && this.#proxy.pods.pending === 0;
    if (ready) this.readiness.unblock(blockers.pods);
    else this.readiness.block(blockers.pods);
  }

  /** Stops taking connections and pods; resolves when everything open has ended, at the latest soon
   * after the deadline. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.readiness.block('draining');
    this.#feedEnd.abort(new Error('the proxy shuts down'));
    await this.#feed;
    await this.#proxy.drain(deadline);
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#feedEnd.abort(new Error('the proxy was closed'));
    await this.#feed;
    await this.#subscription[Symbol.asyncDispose]();
    this.#demand?.[Symbol.dispose]();
    await this.#proxy[Symbol.asyncDispose]();
    for (const server of this.#servers.splice(0)) await server[Symbol.asyncDispose]();
  }
}

/** The workload of a pod, as controllers name it (protocol section 4.4). */
function uidOf({ namespace, name }: Pod, cluster: string): string {
  return `${cluster}//Pod/${namespace}/${name}`;
}

function controllerAccess(settings: ZtunnelSettings, headers: Headers = {}): ControllerAccess {
  return {
    headers,
    address: settings.XDS_ADDRESS,
    rootCertPath: settings.XDS_ROOT_CA,
    tokenPath: settings.AUTH_TOKEN,
    clusterId: settings.CLUSTER_ID,
    ...(settings.ALT_XDS_HOSTNAME !== '' && { serverName: settings.ALT_XDS_HOSTNAME }),
  };
}

function authorityAccess(settings: ZtunnelSettings, headers: Headers = {}): ControllerAccess {
  const { CA_ADDRESS, CA_ROOT_CA, XDS_ROOT_CA, AUTH_TOKEN, CLUSTER_ID, ALT_CA_HOSTNAME } = settings;
  return {
    headers,
    address: CA_ADDRESS,
    rootCertPath: CA_ROOT_CA === '' ? XDS_ROOT_CA : CA_ROOT_CA,
    tokenPath: AUTH_TOKEN,
    clusterId: CLUSTER_ID,
    ...(ALT_CA_HOSTNAME !== '' && { serverName: ALT_CA_HOSTNAME }),
  };
}

/** Who asks (protocol section 4.2). */
function nodeOf(
  settings: ZtunnelSettings,
  metadata: DiscoveryNode['metadata'] | undefined,
): DiscoveryNode {
  const { INSTANCE_IP, POD_NAME, POD_NAMESPACE, NODE_NAME, SERVICE_ACCOUNT } = settings;
  const domain = `${POD_NAMESPACE}.svc.${settings.CLUSTER_DOMAIN}`;
  return {
    id: `ztunnel~${INSTANCE_IP}~${POD_NAME}.${POD_NAMESPACE}~${domain}`,
    metadata: {
      ...metadata,
      NAME: POD_NAME,
      NAMESPACE: POD_NAMESPACE,
      INSTANCE_IPS: INSTANCE_IP,
      NODE_NAME,
      SERVICE_ACCOUNT,
      CLUSTER_ID: settings.CLUSTER_ID,
      [versionMetadata]: ownVersion(),
    },
  };
}
