// The bytes of what a waypoint is told: mesh types to protobuf and back. Mesh types are the canonical
// JSON of proto/ambit/waypoint.proto, so conversion is the library's; only lists and maps that mesh
// demands, and that JSON leaves out when empty, are put back here.

import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import type { Credential } from '../mesh/credential.ts';
import type { ServiceConfig, WorkloadLabels } from '../mesh/route.ts';
import {
  CredentialSchema,
  ServiceConfigSchema,
  WorkloadLabelsSchema,
} from './gen/ambit/waypoint_pb.ts';
import type { Result } from './result.ts';

/** Throws when the value has fields of other types or names than the message, which is our mistake. */
export function encodeServiceConfig(config: ServiceConfig): Uint8Array {
  return encode(ServiceConfigSchema, config);
}

/** Gives back what was encoded; fields of newer versions are dropped. */
export function decodeServiceConfig(bytes: Uint8Array): Result<ServiceConfig> {
  return decode(ServiceConfigSchema, bytes, (json) => {
    const problem = problemOf(json);
    if (problem !== undefined) return { kind: 'problem', problem };
    return { kind: 'ok', value: withLists(json) as unknown as ServiceConfig };
  });
}

/** Throws as `encodeServiceConfig` does. */
export function encodeWorkloadLabels(labels: WorkloadLabels): Uint8Array {
  return encode(WorkloadLabelsSchema, labels);
}

/** Gives back what was encoded. */
export function decodeWorkloadLabels(bytes: Uint8Array): Result<WorkloadLabels> {
  return decode(WorkloadLabelsSchema, bytes, ({ uid, labels }) => {
    if (typeof uid !== 'string') return { kind: 'problem', problem: 'uid is not set' };
    return { kind: 'ok', value: { uid, labels: (labels ?? {}) as WorkloadLabels['labels'] } };
  });
}

/** Throws as `encodeServiceConfig` does. */
export function encodeCredential(credential: Credential): Uint8Array {
  return encode(CredentialSchema, credential);
}

/** Gives back what was encoded. */
export function decodeCredential(bytes: Uint8Array): Result<Credential> {
  return decode(CredentialSchema, bytes, (json) => {
    const { name } = json;
    if (typeof name !== 'string') return { kind: 'problem', problem: 'name is not set' };
    return { kind: 'ok', value: { ...(json as Omit<Credential, 'name'>), name } };
  });
}

type JsonObject = { [name: string]: JsonValue };

function encode(schema: DescMessage, value: object): Uint8Array {
  return toBinary(schema, fromJson(schema, value as JsonObject));
}

function decode<T>(
  schema: DescMessage,
  bytes: Uint8Array,
  read: (json: JsonObject) => Result<T>,
): Result<T> {
  try {
    return read(toJson(schema, fromBinary(schema, bytes)) as JsonObject);
  } catch (error) {
    return { kind: 'problem', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** What mesh relies on beyond the shape: names are set, every action and choice is one we know. An
 * unknown choice comes out of JSON as a number. */
function problemOf(config: JsonObject): string | undefined {
  const service = config['service'];
  if (typeof service !== 'string' || !/^[^/]+\/[^/]+$/.test(service)) {
    return `service is no NAMESPACE/HOSTNAME: ${JSON.stringify(service)}`;
  }
  for (const [index, policy] of objects(config['policies']).entries()) {
    const action = policy['action'];
    if (action === 'ALLOW' || action === 'DENY') continue;
    return `policies[${index}].action is not supported: ${JSON.stringify(action)}`;
  }
  for (const [index, route] of objects(config['routes']).entries()) {
    const results = ['backends', 'redirect', 'directResponse'].filter((name) => name in route);
    if (results.length === 1) continue;
    return `routes[${index}] has ${results.join(', ') || 'no result'}, exactly one is needed`;
  }
  return undefined;
}

function withLists(config: JsonObject): JsonObject {
  const routes = objects(config['routes']).map((route) => ({
    matches: [],
    ...route,
    ...corsOf(route),
  }));
  const policies = objects(config['policies']).map((policy) => ({ rules: [], ...policy }));
  const connectionRoutes = objects(config['connectionRoutes']).map((route) => ({
    matches: [],
    backends: [],
    ...route,
  }));
  const connections = connectionRoutes.length === 0 ? {} : { connectionRoutes };
  const destination = config['destination'];
  if (destination === undefined) return { ...config, routes, policies, ...connections };
  const given = destination as JsonObject;
  const subsets = objects(given['subsets']).map((subset) => ({ labels: {}, ...subset }));
  return { ...config, routes, policies, ...connections, destination: { ...given, subsets } };
}

function corsOf({ cors }: JsonObject): JsonObject {
  return cors === undefined ? {} : { cors: { allowOrigins: [], ...(cors as JsonObject) } };
}

function objects(list: JsonValue | undefined): JsonObject[] {
  return Array.isArray(list) ? (list as JsonObject[]) : [];
}
