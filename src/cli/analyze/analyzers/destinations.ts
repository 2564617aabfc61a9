// DestinationRules and ServiceEntries: hosts, subsets, TLS, addresses and protocols.

import type { ServiceObject } from '../../../controller/kinds/core.ts';
import type { DestinationRule } from '../../../controller/kinds/networking.ts';
import { describeObject, selects } from '../../../controller/kinds/object.ts';
import type { ServiceEntry, WorkloadEntry } from '../../../controller/kinds/service-entry.ts';
import { hostCovers, resolveHost } from '../../../controller/translate/hostnames.ts';
import { type Message, message } from '../message.ts';
import type { Callable, World } from '../world.ts';

const rulesKind = 'networking.istio.io/DestinationRule';

/** IST0174: hosts that nobody has. */
export function ruleHosts(world: World): Message[] {
  return world.of<DestinationRule>(rulesKind).flatMap((object) => {
    const { host = '' } = object.spec ?? {};
    if (host === '' || callablesOf(world, object).length > 0) return [];
    return [message('IST0174', object, 'spec.host', `no service or ServiceEntry has "${host}"`)];
  });
}

function callablesOf(world: World, { spec, metadata }: DestinationRule): readonly Callable[] {
  const host = resolveHost(spec?.host ?? '', metadata.namespace ?? '', world.mesh);
  const own = world.callable(host);
  const below = world.callables.filter((one) => hostCovers(host, one.host));
  return own === undefined || below.includes(own) ? below : [own, ...below];
}

/** IST0173: subsets that no endpoint is in. */
export function subsets(world: World): Message[] {
  if (!world.knowsPods) return [];
  return world.of<DestinationRule>(rulesKind).flatMap((object) => {
    const labels = callablesOf(world, object).map((one) => endpointLabels(world, one));
    // Endpoints of DNS names and of other networks are not known here.
    if (labels.length === 0 || labels.includes(undefined)) return [];
    return (object.spec?.subsets ?? []).flatMap((subset, index) => {
      const hasSome = labels.flatMap((one) => one ?? []).some((one) => selects(subset.labels, one));
      if (hasSome) return [];
      const text = `no pod or WorkloadEntry of ${object.spec?.host ?? ''} has the labels of subset "${subset.name}"`;
      return [message('IST0173', object, `spec.subsets[${index}]`, text)];
    });
  });
}

type Labels = Readonly<Record<string, string>>;

/** Labels of all endpoints; undefined when they are not known. */
function endpointLabels(world: World, { object, namespace }: Callable): Labels[] | undefined {
  const selector =
    object.kind === 'Service'
      ? (object as ServiceObject).spec?.selector
      : (object as ServiceEntry).spec?.workloadSelector?.labels;
  if (selector === undefined || Object.keys(selector).length === 0) return undefined;
  const pods = world.podsWith(selector, namespace).map(({ metadata }) => metadata.labels ?? {});
  const entries = world
    .of<WorkloadEntry>('networking.istio.io/WorkloadEntry')
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map(({ metadata, spec }) => ({ ...metadata.labels, ...spec?.labels }))
    .filter((labels) => selects(selector, labels));
  return [...pods, ...entries];
}

/** IST0128 and IST0129: TLS without an authority of one's own. */
export function verification(world: World): Message[] {
  const text =
    'names no caCertificates and no credentialName: whoever has a certificate of a public authority for the name is believed';
  return world.of<DestinationRule>(rulesKind).flatMap((object) => {
    const { trafficPolicy, subsets: list = [] } = object.spec ?? {};
    const policies = [
      { policy: trafficPolicy, path: 'spec.trafficPolicy' },
      ...list.map((one, index) => ({
        policy: one.trafficPolicy,
        path: `spec.subsets[${index}].trafficPolicy`,
      })),
    ];
    return policies.flatMap(({ policy, path }) => [
      ...(isUnverified(policy?.tls) ? [message('IST0128', object, `${path}.tls`, text)] : []),
      ...(policy?.portLevelSettings ?? []).flatMap(({ tls }, index) =>
        isUnverified(tls)
          ? [message('IST0129', object, `${path}.portLevelSettings[${index}].tls`, text)]
          : [],
      ),
    ]);
  });
}

function isUnverified(
  tls:
    | { readonly mode?: string; readonly caCertificates?: string; readonly credentialName?: string }
    | undefined,
): boolean {
  const { mode, caCertificates = '', credentialName = '' } = tls ?? {};
  return (mode === 'SIMPLE' || mode === 'MUTUAL') && caCertificates === '' && credentialName === '';
}

const entriesKind = 'networking.istio.io/ServiceEntry';

/** IST0134: ports that can only be told apart by an address, which the entry will not get. */
export function entryAddresses(world: World): Message[] {
  return world.of<ServiceEntry>(entriesKind).flatMap((object) => {
    const { addresses = [], ports = [] } = object.spec ?? {};
    const isOff =
      object.metadata.labels?.['networking.istio.io/enable-autoallocate-ip'] === 'false';
    const index = ports.findIndex(({ protocol = 'TCP' }) =>
      /^(tcp|mongo|mysql|redis)/i.test(protocol),
    );
    if (!isOff || addresses.length > 0 || index < 0) return [];
    const text = 'addresses are required for TCP, since the entry is given none by its label';
    return [message('IST0134', object, `spec.ports[${index}]`, text)];
  });
}

/** IST0177: entries that disagree about the protocol of a host and port. */
export function entryProtocols(world: World): Message[] {
  const first = new Map<string, { readonly protocol: string; readonly object: ServiceEntry }>();
  return world.of<ServiceEntry>(entriesKind).flatMap((object) =>
    (object.spec?.hosts ?? []).flatMap((host) =>
      (object.spec?.ports ?? []).flatMap(({ number, protocol = '' }, index) => {
        const key = `${host.toLowerCase()} ${number}`;
        const known = first.get(key);
        const spelled = protocol.toUpperCase();
        if (known === undefined) first.set(key, { protocol: spelled, object });
        if (known === undefined || known.protocol === spelled) return [];
        const text = `${describeObject(known.object)} says that ${host}:${number} is ${known.protocol || 'nothing'}, not ${spelled || 'nothing'}`;
        return [message('IST0177', object, `spec.ports[${index}].protocol`, text)];
      }),
    ),
  );
}
