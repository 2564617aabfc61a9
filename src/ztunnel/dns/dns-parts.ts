// What answering names takes, beside the parts that all of the proxy shares.

import type { Logger } from '../../runtime/log.ts';
import type { NameServer } from '../../runtime/resolv-conf.ts';
import type { DnsMetrics } from './dns-metrics.ts';

/** What the operator chose. */
export interface DnsOptions {
  /** Addresses within each pod to listen on. */
  readonly hosts: readonly string[];
  /** 0 to 65,535. */
  readonly port: number;
  /** Of the cluster, such as `cluster.local`. */
  readonly domain: string;
  /** Off, no IPv6 address is answered. */
  readonly ipv6: boolean;
  /** Empty for none. */
  readonly preferredNamespace: string;
  /** Who is asked for names that are none of the mesh, in order. */
  readonly nameServers: () => Promise<readonly NameServer[]>;
}

/** Shared by all pods of the node. */
export interface DnsParts extends DnsOptions {
  readonly metrics: DnsMetrics;
  readonly log: Logger;
}
