// Which node proxies a command means. Pure.

import { AmbitError } from '../../runtime/errors.ts';
import type { ClusterObject } from '../cluster.ts';

export interface ZtunnelChoice {
  /** `[TYPE/]NAME[.NAMESPACE]`. */
  readonly name?: string | undefined;
  readonly node?: string | undefined;
  /** Where names without a namespace are. */
  readonly namespace: string;
}

/** Whether a pod is a node proxy. */
export function isZtunnel({ metadata }: ClusterObject): boolean {
  return metadata.labels?.['app'] === 'ztunnel';
}

/** The node proxies that are meant, those first that can answer.
 * @throws AmbitError AMB1835 when there is none */
export function chooseZtunnels(
  pods: readonly ClusterObject[],
  choice: ZtunnelChoice,
): readonly ClusterObject[] {
  const all = pods.filter(isZtunnel);
  if (all.length === 0) {
    throw new AmbitError('AMB1835', 'no pod of this cluster has the label app=ztunnel');
  }
  const matching = all.filter(
    (pod) => isNamed(pod, choice) && (choice.node === undefined || onNode(pod, choice.node)),
  );
  if (matching.length === 0) {
    const asked = [choice.name, choice.node && `on node ${choice.node}`].filter(Boolean).join(' ');
    const known = all.map((pod) => `${pod.metadata.name} on ${nodeOf(pod)}`).join(', ');
    throw new AmbitError('AMB1835', `no node proxy is ${asked}; there are ${known}`);
  }
  const rank = (pod: ClusterObject): string =>
    `${pod.status?.phase === 'Running' ? 0 : 1} ${pod.metadata.name}`;
  return matching.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1));
}

function isNamed({ metadata }: ClusterObject, { name, namespace }: ZtunnelChoice): boolean {
  if (name === undefined) return true;
  const [, type, rest = ''] = /^(?:([a-z]+)\/)?(.+)$/.exec(name) ?? [];
  const dot = rest.indexOf('.');
  const own = dot === -1 ? rest : rest.slice(0, dot);
  if (metadata.namespace !== (dot === -1 ? namespace : rest.slice(dot + 1))) return false;
  if (type === 'daemonset' || type === 'ds') return metadata.name.startsWith(`${own}-`);
  return metadata.name === own;
}

function nodeOf({ spec }: ClusterObject): string {
  return spec?.nodeName ?? 'no node';
}

function onNode(pod: ClusterObject, node: string): boolean {
  return nodeOf(pod).toLowerCase() === node.toLowerCase();
}
