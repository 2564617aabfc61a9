// Which entry of a service's table takes a connection that carries no HTTP, with the reason (features
// section 1.1.11).

import { cidrContains, parseCidr } from './address.ts';
import type { RequestFacts } from './request-facts.ts';
import type { ConnectionMatch, ConnectionRoute } from './route.ts';

/** The outcome for one connection. */
export type ConnectionRouteChoice =
  | {
      readonly kind: 'route';
      readonly route: ConnectionRoute;
      /** Its place in the table, counted from 0. */
      readonly index: number;
      readonly reason: string;
    }
  /** No entry matches: straight to the service. */
  | { readonly kind: 'unrouted'; readonly reason: string };

/** Chooses the first entry that matches. `sni` is the name in the TLS hello, where there was one. */
export function chooseConnectionRoute(
  routes: readonly ConnectionRoute[],
  facts: RequestFacts,
  sni?: string,
): ConnectionRouteChoice {
  for (const [index, route] of routes.entries()) {
    if (route.matches.length === 0) {
      return { kind: 'route', route, index, reason: `${route.origin} takes every connection` };
    }
    const held = route.matches.find((match) => failureOf(match, facts, sni) === undefined);
    if (held === undefined) continue;
    return { kind: 'route', route, index, reason: `${route.origin} matched` };
  }
  const reason =
    routes.length === 0
      ? 'the service has no routes for connections'
      : `none of ${routes.length} routes for connections matched`;
  return { kind: 'unrouted', reason };
}

/** The first condition of a match that does not hold, in words; undefined when all hold. */
export function failureOf(
  match: ConnectionMatch,
  { source, destination }: RequestFacts,
  sni: string | undefined,
): string | undefined {
  const { port, sniHosts, destinationSubnets, sourceNamespace, sourceLabels } = match;
  if (port !== undefined && port !== destination.port) return `port is ${destination.port}`;
  if (sniHosts !== undefined && !sniHosts.some((host) => fitsSni(host, sni))) {
    return sni === undefined ? 'no TLS name was seen' : `the TLS name is ${sni}`;
  }
  if (destinationSubnets !== undefined && destinationSubnets.length > 0) {
    const inside = destinationSubnets.some((text) => {
      const cidr = parseCidr(text);
      return cidr !== undefined && cidrContains(cidr, destination.address);
    });
    if (!inside) return `the address is ${destination.address}`;
  }
  if (sourceNamespace !== undefined && sourceNamespace !== source.namespace) {
    return `the namespace of the source is ${source.namespace ?? 'not known'}`;
  }
  const label = Object.entries(sourceLabels ?? {}).find(
    ([name, value]) => source.labels?.[name] !== value,
  );
  return label === undefined ? undefined : `label ${label[0]} of the source differs`;
}

/** Whether a TLS name fits a host, perhaps `*.suffix` or `*`; names have no case (RFC 6066 section 3). */
function fitsSni(host: string, sni: string | undefined): boolean {
  if (sni === undefined) return false;
  const name = sni.toLowerCase();
  const wanted = host.toLowerCase();
  if (wanted === '*' || wanted === name) return true;
  return (
    wanted.startsWith('*.') && name.length > wanted.length - 1 && name.endsWith(wanted.slice(1))
  );
}
