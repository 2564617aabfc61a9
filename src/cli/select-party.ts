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

/** What words can mean. */
export interface Nameable {
  readonly pods: readonly ClusterObject[];
  readonly services: readonly ClusterObject[];
  /** Where names are meant that say no namespace; everywhere when absent. */
  readonly namespace?: string | undefined;
  /** ServiceEntries, meant by their hosts. */
  readonly entries?: readonly ClusterObject[];
}

/** Takes `[NAMESPACE/]NAME[:PORT]`, `NAME.NAMESPACE[:PORT]`, `HOST[:PORT]` or an address apart and finds
 * what it means: a service of that name, pods of that name, pods of that Deployment or `app` label, or
 * the ServiceEntries with that host.
 * @throws AmbitError AMB1806 when it means none of them */
export function selectParty(word: string, objects: Nameable): PartySelection {
  const { host, name, namespace = objects.namespace, port } = parseWord(word);
  const here = (object: ClusterObject): boolean =>
    namespace === undefined || object.metadata.namespace === namespace;
  const pods = objects.pods.filter((pod) => here(pod) && isPodOf(pod, name));
  const services = objects.services.filter((one) => here(one) && one.metadata.name === name);
  const entries = (objects.entries ?? []).filter((entry) => hostsOf(entry).includes(host));
  const isKnown = pods.length + services.length + entries.length > 0;
  if (!isKnown && isIP(name) === 0) {
    throw new AmbitError(
      'AMB1806',
      'no pod, Deployment, app label, service or ServiceEntry has this name',
      {
        object: word,
      },
    );
  }
  return {
    pods: new Set(pods.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`)),
    addresses: new Set([
      ...pods.flatMap((pod) => pod.status?.podIPs?.map(({ ip }) => ip) ?? []),
      ...services.flatMap((service) => service.spec?.clusterIPs ?? []),
      name,
    ]),
    services: new Set([
      ...services.map(
        ({ metadata }) => `${metadata.namespace}/${metadata.name}.${metadata.namespace}.svc`,
      ),
      ...entries.map(({ metadata }) => `${metadata.namespace}/${host}`),
    ]),
    port,
  };
}

function hostsOf({ spec }: ClusterObject): string[] {
  return (spec?.hosts ?? []).map((one) => one.toLowerCase());
}

function parseWord(word: string): {
  /** The word without its port, in lower case. */
  host: string;
  name: string;
  namespace: string | undefined;
  port: number | undefined;
} {
  const withPort = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(word);
  const text = withPort?.[1] ?? withPort?.[2] ?? word;
  const host = text.toLowerCase();
  const port = withPort === null ? undefined : Number(withPort[3]);
  const kindless = text.replace(/^(?:pod|deploy|deployment|svc|service)\//, '');
  const slash = /^([^/]+)\/([^/]+)$/.exec(kindless);
  if (slash !== null) return { host, namespace: slash[1], name: slash[2] ?? '', port };
  const dotted = /^([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\..+)?)?$/.exec(kindless);
  if (dotted !== null && !/^[\d.]+$/.test(kindless)) {
    return { host, name: dotted[1] ?? '', namespace: dotted[2], port };
  }
  return { host, name: kindless, namespace: undefined, port };
}

function isPodOf(pod: ClusterObject, name: string): boolean {
  const { metadata } = pod;
  if (metadata.name === name || metadata.labels?.['app'] === name) return true;
  return (
    metadata.name.startsWith(`${name}-`) &&
    /^-[a-z0-9]+(?:-[a-z0-9]+)?$/.test(metadata.name.slice(name.length))
  );
}
