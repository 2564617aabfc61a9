// What `--set` may change of the manifests. The names are those of Istio's charts. Pure.

import type { RuntimeFolders } from '../../mesh/platform.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { KubernetesObject } from './object.ts';

/** Values by their names, as given. */
export type Values = ReadonlyMap<string, string>;

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string }[];
}

/** The workloads whose containers take settings, by the first part of `PART.env.NAME`. */
const parts = {
  pilot: 'Deployment istiod',
  cni: 'DaemonSet istio-cni-node',
  ztunnel: 'DaemonSet ztunnel',
} as const;
type Part = keyof typeof parts;

/** Settings of several parts at once, or under another name: value, then part and variable. */
const variables: Readonly<Record<string, readonly (readonly [Part, string])[]>> = {
  'meshConfig.trustDomain': [['pilot', 'TRUST_DOMAIN']],
  'global.multiCluster.clusterName': [
    ['pilot', 'CLUSTER_ID'],
    ['ztunnel', 'CLUSTER_ID'],
  ],
  'global.proxy.clusterDomain': [
    ['pilot', 'CLUSTER_DOMAIN'],
    ['ztunnel', 'CLUSTER_DOMAIN'],
  ],
  'global.network': [['ztunnel', 'NETWORK']],
  'cni.excludeNamespaces': [['cni', 'EXCLUDE_NAMESPACES']],
  'cni.ambient.dnsCapture': [['cni', 'AMBIENT_DNS_CAPTURE']],
  'ztunnel.logLevel': [['ztunnel', 'LOG_LEVEL']],
};

/** Values that are no variables, and what each means. */
const others = [
  'global.hub',
  'global.tag',
  'pilot.replicaCount',
  'cni.cniBinDir',
  'cni.cniConfDir',
];

/** All names that `--set` takes, for the one who mistyped. */
export const valueNames: readonly string[] = [
  ...others,
  ...Object.keys(variables),
  ...Object.keys(parts).map((part) => `${part}.env.NAME`),
];

/** Reads `NAME=VALUE` of each `--set`; a later one wins. @throws AmbitError AMB1850 */
export function readValues(given: readonly string[]): Values {
  const values = new Map<string, string>();
  for (const one of given.flatMap((text) => text.split(/,(?=[\w.]+=)/))) {
    const equals = one.indexOf('=');
    const name = equals === -1 ? one : one.slice(0, equals);
    const isKnown = others.includes(name) || Object.hasOwn(variables, name) || isVariable(name);
    if (equals === -1 || !isKnown) {
      const wanted = equals === -1 ? 'it is not NAME=VALUE' : 'there is no such value';
      throw new AmbitError('AMB1850', `${wanted}; known are ${valueNames.join(', ')}`, {
        object: `--set ${one}`,
      });
    }
    values.set(name, one.slice(equals + 1));
  }
  checkReplicas(values.get('pilot.replicaCount'));
  return values;
}

/** The same values, with the folders of the nodes' platform where none were given. */
export function withPlatform(values: Values, platforms: readonly RuntimeFolders[]): Values {
  const [only] = platforms;
  if (only === undefined || platforms.length > 1) return values;
  const found = { 'cni.cniBinDir': only.plugins, 'cni.cniConfDir': only.configurations };
  return new Map([...Object.entries(found), ...values]);
}

function isVariable(name: string): boolean {
  const [part = '', env, variable] = name.split('.');
  return Object.hasOwn(parts, part) && env === 'env' && /^[A-Z][A-Z0-9_]*$/.test(variable ?? '');
}

function checkReplicas(count: string | undefined): void {
  if (count === undefined || /^[1-9]\d{0,2}$/.test(count)) return;
  const object = `--set pilot.replicaCount=${count}`;
  throw new AmbitError('AMB1850', 'it is not a whole number from 1 to 999', { object });
}

/** An object with the values worked into it.
 * @param version of the images, where no value gives another */
export function withValues(
  object: KubernetesObject,
  values: Values,
  images: readonly string[],
  version: string,
): KubernetesObject {
  const name = (image: string): string => {
    const [hub, tag] = [values.get('global.hub'), values.get('global.tag') ?? version];
    const own = image.replace(/:[^:/]*$/, '');
    return `${hub === undefined ? own : own.replace(/^[^/]*/, hub)}:${tag}`;
  };
  if (object.kind === 'ConfigMap' && object.metadata.name === 'istiod-images') {
    const data = Object.entries(object['data'] as Readonly<Record<string, string>>);
    return { ...object, data: Object.fromEntries(data.map(([key, one]) => [key, name(one)])) };
  }
  const part = (Object.keys(parts) as Part[]).find(
    (one) => parts[one] === `${object.kind} ${object.metadata.name}`,
  );
  if (part === undefined) return object;
  const changed = withSpec(object, (spec) => ({
    ...spec,
    containers: (spec['containers'] as readonly Container[]).map((container) => ({
      ...container,
      image: images.includes(container.image) ? name(container.image) : container.image,
      env: withVariables(container.env ?? [], variablesOf(part, values)),
    })),
    ...(part === 'cni' && { volumes: withFolders(spec['volumes'], values) }),
  }));
  const replicas = values.get('pilot.replicaCount');
  if (part !== 'pilot' || replicas === undefined) return changed;
  return { ...changed, spec: { ...(changed['spec'] as object), replicas: Number(replicas) } };
}

/** What the values say for the variables of a part. */
function variablesOf(part: Part, values: Values): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of values) {
    for (const [whose, variable] of variables[name] ?? []) {
      if (whose === part) found.set(variable, value);
    }
    const prefix = `${part}.env.`;
    if (name.startsWith(prefix)) found.set(name.slice(prefix.length), value);
    if (part === 'cni' && name === 'cni.cniBinDir') found.set('CNI_BIN_DIR', value);
    if (part === 'cni' && name === 'cni.cniConfDir') found.set('CNI_NET_DIR', value);
  }
  return found;
}

function withVariables(
  env: readonly { readonly name: string }[],
  wanted: ReadonlyMap<string, string>,
): object[] {
  const kept = env.filter(({ name }) => !wanted.has(name));
  return [...kept, ...[...wanted].map(([name, value]) => ({ name, value }))];
}

/** The node's folders that are mounted are those that the agent is told of. */
function withFolders(volumes: unknown, values: Values): readonly object[] {
  const places = new Map([
    ['/opt/cni/bin', values.get('cni.cniBinDir')],
    ['/etc/cni/net.d', values.get('cni.cniConfDir')],
  ]);
  return (volumes as readonly { readonly hostPath?: { readonly path: string } }[]).map((volume) => {
    const place = places.get(volume.hostPath?.path ?? '');
    return place === undefined
      ? volume
      : { ...volume, hostPath: { ...volume.hostPath, path: place } };
  });
}

function withSpec(
  object: KubernetesObject,
  change: (spec: Readonly<Record<string, unknown>>) => object,
): KubernetesObject {
  const spec = object['spec'] as { readonly template: { readonly spec: Record<string, unknown> } };
  const template = { ...spec.template, spec: change(spec.template.spec) };
  return { ...object, spec: { ...spec, template } };
}
