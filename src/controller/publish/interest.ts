// Which proxy needs which resources. Pure.

import type { DiscoveryNode } from '../../wire/xds.ts';
import { partsMetadata, typeUrls } from '../../wire/xds.ts';
import { nodeKey, ResourceTable } from './resource-table.ts';
import type { PublishedSnapshot } from './resources.ts';

/** A connected proxy, as its node tells. */
export type Proxy =
  | {
      readonly kind: 'ztunnel';
      readonly namespace: string;
      readonly name: string;
      readonly node?: string;
    }
  | {
      readonly kind: 'waypoint';
      readonly namespace: string;
      readonly name: string;
      /** `NAMESPACE/NAME` of its Gateway. */
      readonly gateway: string;
      /** Whether it has proved to run as the ServiceAccount that the controller makes for this Gateway,
       * which alone is given credentials: the name of the Gateway is only said. */
      readonly isProved: boolean;
    };

/** The types in the order in which they are sent: policies before the workloads that refer to them,
 * since a proxy skips a policy that it does not have. */
export const sendOrder = [
  typeUrls.authorization,
  typeUrls.workloadLabels,
  typeUrls.address,
  typeUrls.credential,
  typeUrls.serviceConfig,
] as const;

export type TypeUrl = (typeof sendOrder)[number];

/** Whether a text is a type that the controller publishes. */
export function isTypeUrl(text: string): text is TypeUrl {
  return (sendOrder as readonly string[]).includes(text);
}

/** Reads who a proxy is that runs as a ServiceAccount; undefined when its id is of no known form (protocol
 * section 4.2). */
export function proxyOf(node: DiscoveryNode, serviceAccount: string): Proxy | undefined {
  const [kind] = node.id.split('~');
  const namespace = textOf(node, 'NAMESPACE');
  const name = textOf(node, 'NAME') ?? node.id;
  if (namespace === undefined) return undefined;
  const own = textOf(node, 'NODE_NAME');
  if (kind === 'ztunnel') return { kind, namespace, name, ...(own && { node: own }) };
  const gateway = textOf(node, 'GATEWAY_NAME');
  if (kind !== 'waypoint' || gateway === undefined) return undefined;
  const isProved = serviceAccount === gateway;
  return { kind, namespace, name, gateway: `${namespace}/${gateway}`, isProved };
}

/** Whether a proxy takes large responses in parts. */
export function takesParts(node: DiscoveryNode): boolean {
  return textOf(node, partsMetadata) === 'true';
}

/** The ServiceAccount that a proxy says it has, if it says so. */
export function serviceAccountOf(node: DiscoveryNode): string | undefined {
  return textOf(node, 'SERVICE_ACCOUNT');
}

/** The resources of a type that a proxy needs. */
export function interestOf(
  proxy: Proxy,
  typeUrl: TypeUrl,
  snapshot: PublishedSnapshot,
): ResourceTable {
  switch (typeUrl) {
    case typeUrls.address:
      return snapshot.addresses;
    case typeUrls.authorization:
      return snapshot.authorizations;
    case typeUrls.workloadLabels:
      return proxy.kind === 'waypoint' ? snapshot.workloadLabels : ResourceTable.empty;
    case typeUrls.serviceConfig:
      return proxy.kind === 'waypoint'
        ? (snapshot.serviceConfigs.get(proxy.gateway) ?? ResourceTable.empty)
        : ResourceTable.empty;
    case typeUrls.credential:
      return proxy.kind === 'waypoint' && proxy.isProved
        ? (snapshot.credentials?.get(proxy.gateway) ?? ResourceTable.empty)
        : ResourceTable.empty;
  }
}

/** What a proxy has to know though it did not ask: a ztunnel waits for the workloads of its own node without
 * asking for them by name. */
export function alwaysDemanded(proxy: Proxy): readonly string[] {
  return proxy.kind === 'ztunnel' && proxy.node !== undefined ? [nodeKey(proxy.node)] : [];
}

function textOf(node: DiscoveryNode, key: string): string | undefined {
  const value = node.metadata[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
