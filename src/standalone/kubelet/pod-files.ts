// The contents of /etc/hosts and /etc/resolv.conf of a pod. Pure.
// Follows https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/

import type { Pod } from './pod-types.ts';

/** The name a pod's processes see as the machine's. */
export function hostnameOf(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '');
}

/** The hosts file of a pod with these addresses. */
export function hostsFile(pod: Pod, podIps: readonly string[], clusterDomain: string): string {
  const name = hostnameOf(pod);
  const { subdomain } = pod.spec;
  const full =
    subdomain === undefined
      ? []
      : [`${name}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`];
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...podIps.map((address) => [address, ...full, name].join('\t')),
    ...(pod.spec.hostAliases ?? []).map(({ ip, hostnames }) =>
      [ip, ...(hostnames ?? [])].join('\t'),
    ),
    '',
  ].join('\n');
}

export interface DnsFacts {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
}

/** The resolver configuration of a pod. The machine's own resolvers are out of a local node's reach, so
 * that the policies which mean them use the cluster's, which forwards, without the search path. */
export function resolvConf(pod: Pod, facts: DnsFacts): string {
  const { dnsConfig, dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec;
  const plain = dnsPolicy === 'Default' || (hostNetwork === true && dnsPolicy === 'ClusterFirst');
  const { clusterDomain: domain } = facts;
  const cluster = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  const none = dnsPolicy === 'None';
  const servers = [...(none ? [] : facts.clusterDns), ...(dnsConfig?.nameservers ?? [])];
  const searches = [...(none || plain ? [] : cluster), ...(dnsConfig?.searches ?? [])];
  const options = [
    ...(none || plain ? [] : ['ndots:5']),
    ...(dnsConfig?.options ?? []).map(({ name, value }) =>
      value === undefined ? name : `${name}:${value}`,
    ),
  ];
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n');
}
