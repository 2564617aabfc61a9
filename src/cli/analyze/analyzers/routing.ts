// VirtualServices: what they refer to, and which of their rules are never reached.

import type {
  DestinationRule,
  DestinationSpec,
  VirtualService,
} from '../../../controller/kinds/networking.ts';
import { describeObject } from '../../../controller/kinds/object.ts';
import { hostCovers, resolveHost } from '../../../controller/translate/hostnames.ts';
import { unreachedRules } from '../../../controller/translate/unreached-rules.ts';
import { type Message, message } from '../message.ts';
import type { World } from '../world.ts';

interface PlacedDestination {
  readonly field: string;
  readonly destination: DestinationSpec;
}

/** IST0101 and IST0112: hosts, subsets and ports of destinations. */
export function destinations(world: World): Message[] {
  return virtualServices(world).flatMap((object) =>
    destinationsOf(object).flatMap(({ destination, field }) =>
      problemsOf(world, object, destination, field),
    ),
  );
}

function problemsOf(
  world: World,
  object: VirtualService,
  { host = '', subset, port }: DestinationSpec,
  field: string,
): Message[] {
  if (host === '') return [];
  const full = resolveHost(host, object.metadata.namespace ?? '', world.mesh);
  const found = world.callable(full);
  if (found === undefined) {
    return [message('IST0101', object, `${field}.host`, `host not found: "${host}" (${full})`)];
  }
  const messages: Message[] = [];
  if (subset !== undefined && !hasSubset(world, full, subset)) {
    const text = `host+subset in destinationrule not found: "${host}+${subset}"`;
    messages.push(message('IST0101', object, `${field}.subset`, text));
  }
  const numbers = found.ports.map(({ number }) => number);
  if (port?.number === undefined) {
    if (numbers.length > 1) {
      const text = `"${host}" has the ports ${numbers.join(', ')}; say which is meant`;
      messages.push(message('IST0112', object, `${field}.port.number`, text));
    }
  } else if (!numbers.includes(port.number)) {
    const text = `"${host}" has no port ${port.number}, only ${numbers.join(', ')}`;
    messages.push(message('IST0101', object, `${field}.port.number`, text));
  }
  return messages;
}

function hasSubset(world: World, host: string, subset: string): boolean {
  return world
    .of<DestinationRule>('networking.istio.io/DestinationRule')
    .filter(({ spec, metadata }) =>
      hostCovers(resolveHost(spec?.host ?? '', metadata.namespace ?? '', world.mesh), host),
    )
    .some(({ spec }) => (spec?.subsets ?? []).some(({ name }) => name === subset));
}

function virtualServices(world: World): readonly VirtualService[] {
  return world.of<VirtualService>('networking.istio.io/VirtualService');
}

function destinationsOf({ spec = {} }: VirtualService): PlacedDestination[] {
  return (['http', 'tls', 'tcp'] as const).flatMap((protocol) =>
    (spec[protocol] ?? []).flatMap((route, index) => {
      const path = `spec.${protocol}[${index}]`;
      const entries = (route.route ?? []).map(({ destination = {} }, place) => ({
        field: `${path}.route[${place}].destination`,
        destination,
      }));
      if (!('mirror' in route || 'mirrors' in route)) return entries;
      const { mirror, mirrors = [] } = route;
      return [
        ...entries,
        ...(mirror === undefined ? [] : [{ field: `${path}.mirror`, destination: mirror }]),
        ...mirrors.map(({ destination = {} }, place) => ({
          field: `${path}.mirrors[${place}].destination`,
          destination,
        })),
      ];
    }),
  );
}

/** IST0101: gateways that do not exist. */
export function gatewayNames(world: World): Message[] {
  const gateways = new Set(
    world
      .of('networking.istio.io/Gateway')
      .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`),
  );
  return virtualServices(world).flatMap((object) =>
    (object.spec?.gateways ?? []).flatMap((name, index) => {
      const own = object.metadata.namespace ?? '';
      const full = name.includes('/') ? name.replace(/^\.\//, `${own}/`) : `${own}/${name}`;
      if (name === 'mesh' || gateways.has(full)) return [];
      return [
        message('IST0101', object, `spec.gateways[${index}]`, `gateway not found: "${name}"`),
      ];
    }),
  );
}

/** IST0109: hosts that several VirtualServices of the mesh have. */
export function sharedHosts(world: World): Message[] {
  const owners = new Map<string, VirtualService[]>();
  for (const object of virtualServices(world)) {
    const { hosts = [], gateways = ['mesh'] } = object.spec ?? {};
    if (!gateways.includes('mesh')) continue;
    for (const host of new Set(hosts)) {
      const full = resolveHost(host, object.metadata.namespace ?? '', world.mesh);
      owners.set(full, [...(owners.get(full) ?? []), object]);
    }
  }
  return [...owners].flatMap(([host, objects]) =>
    objects.length < 2
      ? []
      : objects.map((object) => {
          const others = objects.filter((one) => one !== object).map(describeObject);
          const text = `${others.join(', ')} has the host ${host} too; waypoints merge them, the oldest first`;
          return message('IST0109', object, 'spec.hosts', text);
        }),
  );
}

/** IST0130 and IST0131: rules that an earlier one of the same object leaves nothing for. */
export function neverReached(world: World): Message[] {
  return virtualServices(world).flatMap((object) =>
    unreachedRules(object).map(({ field, text, isWhole }) =>
      message(isWhole ? 'IST0130' : 'IST0131', object, field, text),
    ),
  );
}
