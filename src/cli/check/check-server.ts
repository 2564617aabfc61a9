// Whether the cluster is one that the mesh runs on: its version, the user's permissions, the Gateway API. Pure.

import { type KubernetesObject, titleOf } from '../install/object.ts';
import type { CheckRow } from './row.ts';

/** The manifests name AppArmor profiles of containers as fields, which API servers know from here on. */
const oldestMinor = 30;

/** @param version of the API server: `v1.33.1+k3s1` */
export function checkVersion(version: string): CheckRow {
  const object = 'Kubernetes';
  const [, major, minor] = (/^v?(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major === undefined || minor === undefined) {
    const message = `the version "${version}" cannot be read; 1.${oldestMinor} or newer is needed`;
    return { level: 'warning', code: 'AMB1842', object, message };
  }
  if (major < 1 || (major === 1 && minor < oldestMinor)) {
    const message = `version ${version} is too old: 1.${oldestMinor} or newer is needed`;
    return { level: 'error', code: 'AMB1842', object, message };
  }
  return { level: 'ok', object, message: `version ${version}` };
}

/** Something that the user must be allowed to do. */
export interface NeededPermission {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
}

/** @param denied what the API server says no to, with its reason */
export function checkPermissions(
  asked: readonly NeededPermission[],
  denied: readonly { readonly permission: NeededPermission; readonly reason: string }[],
): CheckRow[] {
  if (denied.length === 0) {
    const message = `all ${asked.length} that installing needs are there`;
    return [{ level: 'ok', object: 'Permissions', message }];
  }
  return denied.map(({ permission, reason }) => {
    const { verb, group, resource, namespace } = permission;
    const what = `${verb} ${resource}${group === '' ? '' : `.${group}`}`;
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
    const why = reason === '' ? '' : `: ${reason}`;
    const message = `you may not ${what}${where}${why}`;
    return { level: 'error', code: 'AMB1843', object: 'Permissions', message };
  });
}

/** The kinds that waypoints and their routes need, and the versions of each that can be read. */
const gatewayKinds: Readonly<Record<string, readonly string[]>> = {
  gatewayclasses: ['v1'],
  gateways: ['v1'],
  httproutes: ['v1'],
  grpcroutes: ['v1'],
  referencegrants: ['v1', 'v1beta1'],
};
const gatewayGroup = 'gateway.networking.k8s.io';
const bundleAnnotation = `${gatewayGroup}/bundle-version`;

/** @param definitions all CustomResourceDefinitions */
export function checkGatewayApi(definitions: readonly KubernetesObject[]): CheckRow[] {
  const own = definitions.filter(({ metadata }) => metadata.name.endsWith(`.${gatewayGroup}`));
  const object = 'Gateway API';
  const code = 'AMB1845';
  if (own.length === 0) {
    const message =
      'its definitions are not installed: there can be no waypoints until they are; the rest of the mesh works';
    return [{ level: 'warning', code, object, message }];
  }
  const rows = Object.entries(gatewayKinds).flatMap(([plural, wanted]): CheckRow[] => {
    const found = own.find(({ metadata }) => metadata.name === `${plural}.${gatewayGroup}`);
    if (found === undefined) {
      return [{ level: 'warning', code, object, message: `there are no ${plural}` }];
    }
    const served = servedVersions(found);
    if (wanted.some((one) => served.includes(one))) return [];
    const message = `it serves ${served.join(', ')}, and ${wanted.join(' or ')} is needed (Gateway API 1.1 or newer)`;
    return [{ level: 'warning', code, object: titleOf(found), message }];
  });
  if (rows.length > 0) return rows;
  const bundle = own[0]?.metadata.annotations?.[bundleAnnotation];
  const message = bundle === undefined ? 'its definitions are installed' : `version ${bundle}`;
  return [{ level: 'ok', object, message }];
}

function servedVersions(definition: KubernetesObject): string[] {
  const { versions = [] } = definition['spec'] as {
    readonly versions?: readonly { readonly name: string; readonly served: boolean }[];
  };
  return versions.filter(({ served }) => served).map(({ name }) => name);
}
