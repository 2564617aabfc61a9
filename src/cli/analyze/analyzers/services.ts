// Services: names of ports, and pods that several services disagree about.

import type { ServiceObject, ServicePortSpec } from '../../../controller/kinds/core.ts';
import { describeObject } from '../../../controller/kinds/object.ts';
import { protocolNamed } from '../../../controller/translate/protocols.ts';
import { type Message, message } from '../message.ts';
import type { World } from '../world.ts';

/** IST0118: ports whose protocol has to be found out by looking at the bytes. */
export function portNames(world: World): Message[] {
  return services(world).flatMap((object) =>
    (object.spec?.ports ?? []).flatMap(({ name = '', appProtocol, port, protocol }, index) => {
      const isTold = appProtocol !== undefined || protocol === 'UDP' || isKnown(name);
      if (isTold || serverFirst.has(port)) return [];
      const text = `port ${port} ("${name}") names no protocol, so it is detected; name it like http-${name || 'web'} or set appProtocol`;
      return [message('IST0118', object, `spec.ports[${index}].name`, text)];
    }),
  );
}

/** Where the server speaks first nothing is detected (features section 0.5). */
const serverFirst = new Set([25, 53, 3306, 27_017]);

function isKnown(name: string): boolean {
  const known = protocolNamed(name.split('-')[0] ?? '');
  return /^udp(-|$)/.test(name) || (known !== undefined && known !== 'unknown');
}

function services(world: World): readonly ServiceObject[] {
  return world.of<ServiceObject>('/Service').filter(({ metadata }) => {
    // Those of the cluster itself are not for users to name.
    return metadata.namespace !== 'kube-system' && metadata.name !== 'kubernetes';
  });
}

interface Served {
  readonly service: ServiceObject;
  readonly port: ServicePortSpec;
  readonly index: number;
}

/** IST0116 and IST0137: services that share pods and disagree about a port of theirs. */
export function sharedPods(world: World): Message[] {
  const byPod = new Map<string, ServiceObject[]>();
  for (const service of services(world)) {
    const { selector = {} } = service.spec ?? {};
    if (Object.keys(selector).length === 0) continue;
    for (const { metadata } of world.podsWith(selector, service.metadata.namespace)) {
      const key = `${metadata.namespace ?? ''}/${metadata.name}`;
      byPod.set(key, [...(byPod.get(key) ?? []), service]);
    }
  }
  const told = new Set<string>();
  return [...byPod.values()].flatMap((sharing) =>
    pairsOf(sharing.flatMap(servedBy)).flatMap(([one, other]) => {
      const found = disagreement(one, other);
      const key = `${describeObject(one.service)} ${describeObject(other.service)} ${one.index} ${other.index}`;
      if (found === undefined || told.has(key)) return [];
      told.add(key);
      return [found];
    }),
  );
}

function servedBy(service: ServiceObject): Served[] {
  return (service.spec?.ports ?? []).map((port, index) => ({ service, port, index }));
}

function pairsOf(served: readonly Served[]): [Served, Served][] {
  return served.flatMap((one, index) =>
    served
      .slice(index + 1)
      .filter((other) => other.service !== one.service)
      .map((other): [Served, Served] => [one, other]),
  );
}

function disagreement(one: Served, other: Served): Message | undefined {
  const target = ({ port }: Served): number | string => port.targetPort || port.port;
  const spoken = ({ port }: Served): string =>
    protocolNamed((port.appProtocol ?? port.name ?? '').split('-')[0] ?? '') ?? 'unknown';
  const field = `spec.ports[${other.index}]`;
  const name = describeObject(one.service);
  if (one.port.port === other.port.port && spoken(one) !== spoken(other)) {
    const text = `${name} has the same pods, and says that port ${one.port.port} is ${spoken(one)}, not ${spoken(other)}`;
    return message('IST0116', other.service, field, text);
  }
  if (target(one) === target(other) && one.port.port !== other.port.port) {
    const text = `${name} has the same pods, and reaches their port ${target(one)} by port ${one.port.port}, not ${other.port.port}`;
    return message('IST0137', other.service, field, text);
  }
  return undefined;
}
