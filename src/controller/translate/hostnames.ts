// Host names in configuration objects (features sections 0.3 and 0.4).

import { parseIp } from '../../mesh/address.ts';
import type { MeshOptions } from './mesh-options.ts';

/** Completes a name without a dot by the namespace of the object that uses it; hosts are compared in
 * lower case. */
export function resolveHost(host: string, namespace: string, mesh: MeshOptions): string {
  const lower = host.toLowerCase();
  if (lower.includes('.') || lower.includes('*') || parseIp(lower) !== undefined) return lower;
  return `${lower}.${namespace}.svc.${mesh.clusterDomain}`;
}

/** Whether a resolved host, perhaps `*.suffix`, covers a name. */
export function hostCovers(pattern: string, name: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.startsWith('*.')) return pattern === name;
  return name.length > pattern.length - 1 && name.endsWith(pattern.slice(1));
}

/** How closely a pattern names a host: the longer the closer, exact names above all. */
export function hostCloseness(pattern: string): number {
  return pattern.startsWith('*') ? pattern.length : 1000 + pattern.length;
}

/** Whether a text is a DNS name, optionally behind a `*.` label. */
export function isHostPattern(text: string): boolean {
  const name = text.startsWith('*.') ? text.slice(2) : text;
  if (name.length === 0 || name.length > 253) return false;
  return name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

/** Whether an object is visible in a namespace by its `exportTo`. */
export function exportsTo(
  exportTo: readonly string[] | undefined,
  ownNamespace: string,
  namespace: string,
): boolean {
  if (exportTo === undefined || exportTo.length === 0) return true;
  return exportTo.some(
    (entry) =>
      entry === '*' || entry === namespace || (entry === '.' && ownNamespace === namespace),
  );
}

/** The namespace in the name of a Kubernetes service; undefined for other names. */
export function namespaceOfHost(host: string, mesh: MeshOptions): string | undefined {
  const ending = `.svc.${mesh.clusterDomain}`;
  if (!host.endsWith(ending)) return undefined;
  const labels = host.slice(0, -ending.length).split('.');
  return labels.length === 2 ? labels[1] : undefined;
}
