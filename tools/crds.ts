// Writes deploy/crds/istio from the tables in tools/crds: `node tools/crds.ts`. No field has a default in its
// schema, though descriptions name them: tools that compare what is stored with what was written would
// find differences that nobody made.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { type CrdSchema, readTables } from './crds/notation.ts';
import { routingTypes } from './crds/routing.ts';
import { securityTypes } from './crds/security.ts';
import { sharedTypes } from './crds/shared.ts';
import { workloadTypes } from './crds/workloads.ts';

/** Where the files are. */
export const crdFolder = path.resolve(import.meta.dirname, '../deploy/crds/istio');

interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly short?: string;
  /** The type of its spec, if it is not called like the kind. */
  readonly type?: string;
  readonly group: 'networking' | 'security' | 'telemetry' | 'extensions';
  /** The first is the one that objects are kept in. */
  readonly versions: readonly string[];
  readonly columns?: readonly Column[];
  /** Whether spec must be given. */
  readonly needsSpec?: boolean;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly description?: string;
}

const column = (name: string, jsonPath: string, description?: string): Column => ({
  name,
  type: 'string',
  jsonPath,
  ...(description !== undefined && { description }),
});
const ofCondition = (name: string, type: string, field: 'status' | 'reason'): Column =>
  column(name, `.status.conditions[?(@.type=="${type}")].${field}`);
const valid = ofCondition('Valid', 'ambit.io/Accepted', 'status');
const programmed = ofCondition('Programmed', 'ambit.io/Programmed', 'reason');
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const three = ['v1', 'v1beta1', 'v1alpha3'];
const two = ['v1', 'v1beta1'];

const definitions: readonly Definition[] = [
  {
    kind: 'VirtualService',
    plural: 'virtualservices',
    short: 'vs',
    group: 'networking',
    versions: three,
    columns: [
      column('Gateways', '.spec.gateways', 'Where the routes are in force'),
      column('Hosts', '.spec.hosts', 'The hosts that the routes are for'),
      valid,
      programmed,
    ],
  },
  {
    kind: 'DestinationRule',
    plural: 'destinationrules',
    short: 'dr',
    group: 'networking',
    versions: three,
    columns: [column('Host', '.spec.host', 'The service that the rule is for'), valid, programmed],
  },
  {
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    short: 'se',
    group: 'networking',
    versions: three,
    needsSpec: true,
    columns: [
      column('Hosts', '.spec.hosts'),
      column('Location', '.spec.location'),
      column('Resolution', '.spec.resolution'),
      valid,
    ],
  },
  {
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    short: 'we',
    type: 'Endpoint',
    group: 'networking',
    versions: three,
    needsSpec: true,
    columns: [column('Address', '.spec.address'), valid],
  },
  {
    kind: 'WorkloadGroup',
    plural: 'workloadgroups',
    short: 'wg',
    group: 'networking',
    versions: three,
    needsSpec: true,
  },
  {
    kind: 'Gateway',
    plural: 'gateways',
    short: 'gw',
    type: 'IngressGateway',
    group: 'networking',
    versions: three,
  },
  { kind: 'Sidecar', plural: 'sidecars', group: 'networking', versions: three },
  { kind: 'EnvoyFilter', plural: 'envoyfilters', group: 'networking', versions: ['v1alpha3'] },
  { kind: 'ProxyConfig', plural: 'proxyconfigs', group: 'networking', versions: ['v1beta1'] },
  {
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    short: 'ap',
    group: 'security',
    versions: two,
    columns: [
      column('Action', '.spec.action', 'What happens when a rule matches'),
      valid,
      ofCondition('Ztunnel', 'ZtunnelAccepted', 'reason'),
      ofCondition('Waypoint', 'WaypointAccepted', 'reason'),
    ],
  },
  {
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    short: 'pa',
    group: 'security',
    versions: two,
    columns: [column('Mode', '.spec.mtls.mode', 'Whether plain text is accepted'), valid],
  },
  {
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    short: 'ra',
    group: 'security',
    versions: two,
    columns: [ofCondition('Valid', 'ambit.io/Accepted', 'reason')],
  },
  {
    kind: 'Telemetry',
    plural: 'telemetries',
    short: 'telemetry',
    group: 'telemetry',
    versions: ['v1', 'v1alpha1'],
  },
  { kind: 'WasmPlugin', plural: 'wasmplugins', group: 'extensions', versions: ['v1alpha1'] },
  {
    kind: 'TrafficExtension',
    plural: 'trafficextensions',
    group: 'extensions',
    versions: ['v1alpha1'],
  },
];

/** The files by name, with their content. */
export function crdFiles(): ReadonlyMap<string, string> {
  const types = readTables([sharedTypes, routingTypes, workloadTypes, securityTypes]);
  const files = definitions.map((definition): [string, string] => {
    const head = `# ${definition.kind} of Istio. Made by tools/crds.ts; edit the tables there.\n`;
    const body = stringify(definitionObject(types, definition), { lineWidth: 0 });
    return [`${definition.plural}.yaml`, head + body];
  });
  return new Map(files);
}

function definitionObject(types: ReadonlyMap<string, CrdSchema>, definition: Definition): object {
  const { kind, plural, short, group, versions, columns = [], needsSpec } = definition;
  const domain = `${group}.istio.io`;
  // Shared by the versions, and written once by means of an alias. There are no aliases within: readers of
  // YAML take many that lead to others for an attack.
  const openAPIV3Schema = unsharedCopy({
    type: 'object',
    ...(needsSpec === true && { required: ['spec'] }),
    properties: {
      spec: typeNamed(types, definition.type ?? kind),
      status: statusOf(types, kind),
    },
  });
  const shared = {
    subresources: { status: {} },
    additionalPrinterColumns: [...columns, age],
    schema: { openAPIV3Schema },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${domain}`,
      labels: { 'app.kubernetes.io/part-of': 'ambit', 'app.kubernetes.io/component': 'crds' },
    },
    spec: {
      group: domain,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(short !== undefined && { shortNames: [short] }),
        categories: ['istio-io', domain.replaceAll('.', '-')],
      },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        ...shared,
      })),
    },
  };
}

/** A copy in which nothing occurs twice, unlike one by structuredClone. */
function unsharedCopy(value: object): object {
  return JSON.parse(JSON.stringify(value)) as object;
}

function statusOf(types: ReadonlyMap<string, CrdSchema>, kind: string): CrdSchema {
  const list = (name: string): CrdSchema => ({ type: 'array', items: typeNamed(types, name) });
  return {
    type: 'object',
    description: 'What is known of the object. Written by the controller.',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: {
      conditions: list('Condition'),
      ...(kind === 'ServiceEntry' && { addresses: list('HostAddress') }),
    },
  };
}

function typeNamed(types: ReadonlyMap<string, CrdSchema>, name: string): CrdSchema {
  const found = types.get(name);
  if (found === undefined) throw new Error(`no type ${name}`);
  return found;
}

if (import.meta.main) {
  mkdirSync(crdFolder, { recursive: true });
  const files = crdFiles();
  for (const name of readdirSync(crdFolder)) {
    if (name !== 'kustomization.yaml' && !files.has(name)) rmSync(path.join(crdFolder, name));
  }
  for (const [name, content] of files) writeFileSync(path.join(crdFolder, name), content);
}
