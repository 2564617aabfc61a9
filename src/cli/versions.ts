// Which versions run: the command, the replicas of the controller, the proxies.

import { askAll, type PodReply } from './ask-all.ts';
import type { Cluster, ClusterObject } from './cluster.ts';
import { askController, type ConnectedProxy } from './control-plane.ts';

/** One part of the control plane or the data plane. */
export interface PartVersion {
  /** `NAME.NAMESPACE`. */
  readonly name: string;
  readonly version: string;
}

export interface Versions {
  readonly clientVersion: string;
  readonly controlPlane: readonly PartVersion[];
  readonly dataPlane: readonly PartVersion[];
}

/** What each replica says that it is. */
export async function controllerVersions(
  cluster: Cluster,
  pods: readonly ClusterObject[],
): Promise<readonly PodReply<string>[]> {
  return await askAll(pods, async (pod) => (await askController(cluster, pod, '/version')).trim());
}

/** Puts the answers together. Pure. */
export function versionsOf(
  clientVersion: string,
  replicas: readonly PodReply<string>[],
  proxies: readonly ConnectedProxy[],
): Versions {
  const byName = (one: PartVersion, other: PartVersion): number => (one.name < other.name ? -1 : 1);
  const controlPlane = replicas.flatMap((reply) => {
    const { name, namespace } = reply.pod.metadata;
    return reply.kind === 'answer' ? [{ name: `${name}.${namespace}`, version: reply.answer }] : [];
  });
  const dataPlane = proxies.map(({ proxy, build }) => ({
    name: `${proxy.name}.${proxy.namespace}`,
    version: build.version || 'unknown',
  }));
  return {
    clientVersion,
    controlPlane: controlPlane.toSorted(byName),
    dataPlane: dataPlane.toSorted(byName),
  };
}

/** Three lines, as istioctl has them. Pure. */
export function versionLines({ clientVersion, controlPlane, dataPlane }: Versions): string[] {
  const distinct = [...new Set(controlPlane.map(({ version }) => version))];
  return [
    `client version: ${clientVersion}`,
    `control plane version: ${distinct.join(', ') || 'none'}`,
    `data plane version: ${countedVersions(dataPlane) || 'none'}`,
  ];
}

/** `0.1.0 (3 proxies), 1.29.0 (1 proxy)`. Pure. */
export function countedVersions(parts: readonly PartVersion[]): string {
  const counts = new Map<string, number>();
  for (const { version } of parts) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([version, count]) => `${version} (${count} ${count === 1 ? 'proxy' : 'proxies'})`)
    .join(', ');
}
