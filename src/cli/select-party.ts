// Which pods or services a word of the command line means. Pure.

import { isIP } from 'node:net';
import { AmbitError } from '../runtime/errors.ts';
import type { ClusterObject } from './cluster.ts';

/** The ways in which a decision record may name one side. */
export interface PartySelection {
  /** Pod names, as `NAMESPACE/NAME`. */
  readonly pods: ReadonlySet<string>;
  /** Addresses of pods and services. */
  readonly addresses: ReadonlySet<string>;
  /** `NAMESPACE/HOSTNAME`. */
  readonly services: ReadonlySet<string>;
  readonly port: number | undefined;
}

/** Takes `[NAMESPACE/]NAME[:PORT]`, `NAME.NAMESPACE[:PORT]` or an address apart and finds what it
 * means: a service of that name, pods of that name, pods of that Deployment or `app` label.
 * @throws AmbitError AMB1806 when it means none of them */
export function selectParty(
  word: string,
  objects: { readonly pods: readonly ClusterObject[]; readonly services: readonly ClusterObject[] },
): PartySelection {
  const { name, namespace, port } = parseWord(word);
  const here = (object: ClusterObject): boolean =>
    namespace === undefined || object.metadata.namespace === namespace;
  const pods = objects.pods.filter((pod) => here(pod) && isPodOf(pod, name));
  const services = objects.services.filter((one) => here(one) && one.metadata.name === name);
  if (pods.length === 0 && services.length === 0 && isIP(name) === 0) {
    throw new AmbitError('AMB1806', 'no pod, Deployment, app label or service has this name', {
      object: word,
    });
  }
  return {
    pods: new Set(pods.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`)),
    addresses: new Set([
      ...pods.flatMap((pod) => pod.status?.podIPs?.map(({ ip }) => ip) ?? []),
      ...services.flatMap((service) => service.spec?.clusterIPs ?? []),
      name,
    ]),
    services: new Set(
      services.map(
        ({ metadata }) => `${metadata.namespace}/${metadata.name}.${metadata.namespace}.svc`,
      ),
    ),
    port,
  };
}

function parseWord(word: string): {
  name: string;
  namespace: string | undefined;
  port: number | undefined;
} {
  const withPort = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(word);
  const host = withPort?.[1] ?? withPort?.[2] ?? word;
  const port = withPort === null ? undefined : Number(withPort[3]);
  const kindless = host.replace(/^(?:pod|deploy|deployment|svc|service)\//, '');
  const slash = /^([^/]+)\/([^/]+)$/.exec(kindless);
  if (slash !== null) return { namespace: slash[1], name: slash[2] ?? '', port };
  const dotted = /^([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\..+)?)?$/.exec(kindless);
  if (dotted !== null && !/^[\d.]+$/.test(kindless)) {
    return { name: dotted[1] ?? '', namespace: dotted[2], port };
  }
  return { name: kindless, namespace: undefined, port };
}

function isPodOf(pod: ClusterObject, name: string): boolean {
  const { metadata } = pod;
  if (metadata.name === name || metadata.labels?.['app'] === name) return true;
  return (
    metadata.name.startsWith(`${name}-`) &&
    /^-[a-z0-9]+(?:-[a-z0-9]+)?$/.test(metadata.name.slice(name.length))
  );
}
