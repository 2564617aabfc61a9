// Whether nodes can be part of the mesh: kernel, machine, network plugin. Pure.

import {
  type NodeMarks,
  type Platform,
  recognizePlatform,
  unknownPlatform,
} from '../../mesh/platform.ts';
import { type KubernetesObject, titleOf } from '../install/object.ts';
import type { CheckRow } from './row.ts';

/** nftables translates addresses of both families in one table (`inet nat`) from Linux 5.2 on. */
const oldestKernel = [5, 2] as const;
const architectures = ['amd64', 'arm64'];

interface NodeInfo {
  readonly kernelVersion?: string;
  readonly operatingSystem?: string;
  readonly architecture?: string;
  readonly kubeletVersion?: string;
  readonly osImage?: string;
}

/** @param nodes all Nodes */
export function checkNodes(nodes: readonly KubernetesObject[]): CheckRow[] {
  if (nodes.length === 0) {
    return [{ level: 'warning', code: 'AMB1846', object: 'Nodes', message: 'there are none' }];
  }
  const rows = nodes.flatMap((node) => {
    const { nodeInfo = {} } = (node['status'] ?? {}) as { readonly nodeInfo?: NodeInfo };
    return checkNode(titleOf(node), nodeInfo);
  });
  if (rows.length > 0) return rows;
  return [{ level: 'ok', object: 'Nodes', message: `all ${nodes.length} can be in the mesh` }];
}

function checkNode(object: string, info: NodeInfo): CheckRow[] {
  const { kernelVersion = '', operatingSystem = 'linux', architecture = 'amd64' } = info;
  const code = 'AMB1846';
  if (operatingSystem !== 'linux') {
    const message = `it runs ${operatingSystem}: its pods stay outside of the mesh`;
    return [{ level: 'info', code, object, message }];
  }
  const rows: CheckRow[] = [];
  if (!architectures.includes(architecture)) {
    const message = `there are no images for ${architecture}, only for ${architectures.join(' and ')}`;
    rows.push({ level: 'error', code, object, message });
  }
  const [, major, minor] = (/^(\d+)\.(\d+)/.exec(kernelVersion) ?? []).map(Number);
  const needed = oldestKernel.join('.');
  if (major === undefined || minor === undefined) {
    const message = `its kernel "${kernelVersion}" cannot be read; ${needed} or newer is needed`;
    rows.push({ level: 'warning', code, object, message });
  } else if (major < oldestKernel[0] || (major === oldestKernel[0] && minor < oldestKernel[1])) {
    const message = `its kernel ${kernelVersion} is too old: ${needed} or newer is needed for nftables in both address families`;
    rows.push({ level: 'error', code, object, message });
  }
  return rows;
}

/** The platform of the nodes, by which the folders of their CNI plugins are known; several where they differ.
 * @param nodes all Nodes */
export function platformsOf(nodes: readonly KubernetesObject[]): Platform[] {
  const found = nodes.map((node) => {
    const { nodeInfo = {} } = (node['status'] ?? {}) as { readonly nodeInfo?: NodeInfo };
    const { kubeletVersion = '', osImage = '' } = nodeInfo;
    const marks: NodeMarks = { labels: node.metadata.labels ?? {}, kubeletVersion, osImage };
    return recognizePlatform(marks);
  });
  return [...new Map(found.map((one) => [one.name, one])).values()];
}

/** @param platforms of the nodes */
export function checkPlatforms(platforms: readonly Platform[]): CheckRow[] {
  const known = platforms.filter(({ name }) => name !== unknownPlatform);
  const folders = new Set(platforms.map((one) => `${one.plugins} ${one.configurations}`));
  if (folders.size > 1) {
    const names = platforms.map(({ name }) => name).join(', ');
    const message = `nodes of ${names} have their CNI plugins in different folders: install with --set cni.cniBinDir and cni.cniConfDir for one kind, and a DaemonSet of your own for the other`;
    return [{ level: 'warning', code: 'AMB1846', object: 'Nodes', message }];
  }
  return known.map(({ name, because, plugins, configurations }) => {
    const message = `${name} (${because}): CNI plugins in ${plugins}, configurations in ${configurations}`;
    return { level: 'ok', object: 'Platform', message };
  });
}

/** What the cluster's network plugins ask for.
 * @param sets all DaemonSets @param configs ConfigMaps of kube-system */
export function checkNetwork(
  sets: readonly KubernetesObject[],
  configs: readonly KubernetesObject[],
): CheckRow[] {
  const has = (name: string): boolean => sets.some(({ metadata }) => metadata.name === name);
  const rows = has('cilium') ? checkCilium(configs) : [];
  if (has('calico-node')) {
    rows.push({ level: 'ok', object: 'Calico', message: 'the mesh is chained after it' });
  }
  return rows;
}

function checkCilium(configs: readonly KubernetesObject[]): CheckRow[] {
  const config = configs.find(({ metadata }) => metadata.name === 'cilium-config');
  const settings = (config?.['data'] ?? {}) as Readonly<Record<string, string>>;
  const object = 'Cilium';
  const rows: CheckRow[] = [];
  if (settings['cni-exclusive'] !== 'false') {
    const message =
      'it removes other plugins from the CNI configuration: set cni.exclusive=false, or new pods are not enrolled';
    rows.push({ level: 'warning', code: 'AMB1847', object, message });
  }
  if (settings['enable-bpf-masquerade'] === 'true') {
    const message =
      'with bpf.masquerade probes of the kubelet lose the address that the mesh knows them by: turn it off';
    rows.push({ level: 'warning', code: 'AMB1847', object, message });
  }
  if (rows.length === 0) rows.push({ level: 'ok', object, message: 'it leaves room for the mesh' });
  return rows;
}
