// Which folders a container sees where. Pure, but for the question whether a mount point exists.

import path from 'node:path';
import type { Container, Pod, Volume } from './pod-types.ts';
import { serviceAccountFolder, serviceAccountVolume } from './volume-content.ts';

export interface PlannedMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** The source is a file; its mount point is one as well. */
  readonly isFile: boolean;
}

export type MountPlan =
  | { readonly kind: 'ok'; readonly mounts: readonly PlannedMount[] }
  | { readonly kind: 'refused'; readonly field: string; readonly problem: string };

export interface MountFacts {
  /** Where a volume's content is, by the volume's name. */
  readonly sources: ReadonlyMap<string, string>;
  /** What is at a path of this machine. */
  readonly kindOf: (file: string) => 'file' | 'folder' | 'nothing';
}

/** Paths that every local node has for itself. */
const nodePaths = ['/run', '/etc/cni', '/opt/cni', '/var/lib'];

/** `/var/run` is another name of `/run`. */
export function canonicalPath(file: string): string {
  const normal = path.posix.normalize(file).replace(/(.)\/$/, '$1');
  if (normal === '/var/run') return '/run';
  return normal.startsWith('/var/run/') ? normal.slice('/var'.length) : normal;
}

/** What a hostPath of a pod leads to: the node's own folder for those a node has of its own. */
export function hostPathOnNode(nodeRoot: string, hostPath: string): string {
  const canonical = canonicalPath(hostPath);
  const own = nodePaths.some((base) => canonical === base || canonical.startsWith(`${base}/`));
  return own ? path.join(nodeRoot, canonical) : canonical;
}

/** The pod's volumes, with the one that carries its ServiceAccount token unless it declines it. */
export function podVolumes(pod: Pod): Volume[] {
  const volumes = [...(pod.spec.volumes ?? [])];
  if (pod.spec.automountServiceAccountToken !== false) volumes.push(serviceAccountVolume());
  return volumes;
}

/** The mounts of a container, outer folders first. */
export function planMounts(pod: Pod, container: Container, facts: MountFacts): MountPlan {
  const mounts: PlannedMount[] = [];
  for (const [index, mount] of mountsOf(pod, container).entries()) {
    const field = `containers[${container.name}].volumeMounts[${index}]`;
    const folder = facts.sources.get(mount.name);
    if (folder === undefined) {
      return { kind: 'refused', field: `${field}.name`, problem: `no volume ${mount.name}` };
    }
    const source = mount.subPath === undefined ? folder : path.join(folder, mount.subPath);
    if (source !== folder && !source.startsWith(`${folder}/`)) {
      return { kind: 'refused', field: `${field}.subPath`, problem: 'leads out of the volume' };
    }
    const target = canonicalPath(mount.mountPath);
    const isFile = facts.kindOf(source) === 'file';
    if (!insideRun(target) && facts.kindOf(target) !== (isFile ? 'file' : 'folder')) {
      return { kind: 'refused', field: `${field}.mountPath`, problem: mountPointProblem(target) };
    }
    mounts.push({ source, target, readOnly: mount.readOnly === true, isFile });
  }
  const depth = ({ target }: PlannedMount): number => target.split('/').length;
  return { kind: 'ok', mounts: mounts.toSorted((left, right) => depth(left) - depth(right)) };
}

function insideRun(target: string): boolean {
  return target.startsWith('/run/');
}

function mountPointProblem(target: string): string {
  return (
    `${target} does not exist on this machine, whose files pods share; ` +
    `make it (mkdir -p ${target}), or mount below /run`
  );
}

function mountsOf(pod: Pod, container: Container): NonNullable<Container['volumeMounts']> {
  const mounts = container.volumeMounts ?? [];
  const declined =
    pod.spec.automountServiceAccountToken === false ||
    mounts.some(
      ({ mountPath }) => canonicalPath(mountPath) === canonicalPath(serviceAccountFolder),
    );
  if (declined) return mounts;
  const name = serviceAccountVolume().name;
  return [...mounts, { name, mountPath: serviceAccountFolder, readOnly: true }];
}
