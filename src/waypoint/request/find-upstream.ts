// The endpoint of one attempt with all that is needed to connect to it: names are resolved, the client's own
// destination is taken where a service has none, and what the destination rules say of TLS and the like
// stands beside the address. Choosing among endpoints is choose-upstream.ts's.

import type { IpAddress } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { findSubset, noLabels } from '../../mesh/choose-backend.ts';
import { policyFor } from '../../mesh/destination.ts';
import type { ServiceEndpoint } from '../../mesh/mesh-view.ts';
import { keyOfService } from '../../mesh/service.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import { unlessAborted } from '../../runtime/unless-aborted.ts';
import type { Destination } from '../destinations/destinations.ts';
import { isNamed, resolvedEndpoints } from '../dns/resolved-endpoints.ts';
import { backendPort, declaredUid } from '../upstream/endpoints.ts';
import type { UpstreamChoice } from './choose-upstream.ts';
import { MeshWithAddresses } from './mesh-with-addresses.ts';
import { outsideEndpoint, resolveRequested } from './outside-endpoint.ts';
import type { PipelineParts } from './parts.ts';
import { requestedEndpoint } from './requested-endpoint.ts';
import type { UpstreamQuery, Wanted } from './upstream-query.ts';
import { withOpening } from './with-opening.ts';

/** An endpoint with the destination that it was found for, where a service was asked for. */
export type FoundUpstream =
  | Extract<UpstreamChoice, { kind: 'none' }>
  | (Extract<UpstreamChoice, { kind: 'endpoint' }> & { readonly destination?: Destination });

/** Chooses among the endpoints that the parts know of, without those that are ejected. */
export type Choose = (parts: PipelineParts, ejected: ReadonlySet<string>) => UpstreamChoice;

/** Finds an endpoint. Never rejects. */
export async function findUpstream(query: UpstreamQuery, choose: Choose): Promise<FoundUpstream> {
  const wanted = wantedService(query);
  if (wanted === undefined) return choose(query.parts, nobody);
  try {
    const destination = query.parts.destinations.at(wanted, wanted);
    const choice = await find(query, wanted, (parts) => {
      const { outliers } = destination;
      outliers.update(wanted.policy.outlierDetection, () => membersOf(wanted, parts));
      // Who is asked for by address is taken as it is.
      const isChosen = wanted.policy.loadBalancer?.simple !== 'PASSTHROUGH';
      return choose(parts, isChosen ? outliers.leftOut : nobody);
    });
    if (choice.kind === 'none') return noneBut(choice, destination);
    const found = await withOpening(withLimits(choice, wanted), wanted, query);
    return { ...found, destination };
  } catch (error) {
    if (!query.signal.aborted) throw error;
    const reason = `given up while the endpoint was looked for: ${causeChain(error)}`;
    return { kind: 'none', code: 'AMB1706', reason, flag: 'UF' };
  }
}

/** The endpoints of a destination. */
function membersOf(wanted: Wanted, parts: PipelineParts): readonly string[] {
  return parts.balancers.uids({ ...wanted, balancer: wanted.policy.loadBalancer }, parts);
}

const nobody: ReadonlySet<string> = new Set();

/** The limits of connecting, beside the address. */
function withLimits<Chosen extends Extract<UpstreamChoice, { kind: 'endpoint' }>>(
  choice: Chosen,
  { policy }: Wanted,
): Chosen {
  const { connectTimeoutMs, keepalive } = policy.connectionPool ?? {};
  const limits = {
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    ...(keepalive && { keepalive }),
  };
  return { ...choice, endpoint: { ...choice.endpoint, ...limits } };
}

type None = Extract<UpstreamChoice, { kind: 'none' }>;

/** Tells of ejections where they may be why there is no endpoint. */
function noneBut(choice: None, destination: Destination): None {
  const note = noteOn(destination);
  return note === undefined || choice.flag !== 'UH'
    ? choice
    : { ...choice, code: 'AMB1721', reason: `${choice.reason}; ${note}` };
}

/** Which endpoints are left out, for a decision's reason. */
export function noteOn({ outliers, origin }: Destination): string | undefined {
  const left = outliers.ejections.filter(({ uid }) => outliers.isEjected(uid));
  if (left.length === 0) return undefined;
  const named = left.slice(0, maxNoted).map(({ uid, reason }) => `${nameIn(uid)} (${reason})`);
  const more = left.length > maxNoted ? ` and ${left.length - maxNoted} more` : '';
  return `left out by ${origin}: ${named.join(', ')}${more}`;
}

/** Most ejected endpoints that a reason names. */
const maxNoted = 5;

function nameIn(uid: string): string {
  return uid.slice(uid.lastIndexOf('/') + 1);
}

/** Rejects only with the signal's reason. */
async function find(
  query: UpstreamQuery,
  wanted: Wanted,
  choose: (parts: PipelineParts) => UpstreamChoice,
): Promise<UpstreamChoice> {
  const { parts, connection } = query;
  const { service } = wanted;
  if (service.loadBalancing?.mode === 'passthrough') {
    const { address } = connection.target.destination;
    return outsideEndpoint(wanted, address, query);
  }
  const key = keyOfService(service);
  const endpoints = parts.mesh.endpointsOf(key);
  const asked = requestedEndpoint(wanted, endpoints, query);
  if (asked !== undefined) return asked;
  if (!endpoints.some(isNamed)) return choose(parts);
  const named = endpoints.filter(isNamed);
  if (named.some(({ workload }) => workload.hostname.startsWith('*'))) {
    return await resolveRequested(wanted, query);
  }
  const { oneAddressAtATime, raceConnections } = parts.table.get(key)?.config ?? {};
  const resolving = {
    ipFamilies: service.ipFamilies,
    requested: connection.target.destination.address,
    oneAtATime: oneAddressAtATime === true,
  };
  const names = [...new Set(named.map(({ workload }) => workload.hostname))];
  const asking = Promise.allSettled(names.map((name) => parts.hosts.addressesOf(name)));
  const answers = await unlessAborted(asking, query.signal);
  const addresses = new Map<string, readonly IpAddress[]>();
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'fulfilled') addresses.set(names[index] ?? '', answer.value);
  }
  const resolved = endpoints.flatMap((one) =>
    isNamed(one)
      ? resolvedEndpoints(one, addresses.get(one.workload.hostname) ?? [], resolving)
      : [one],
  );
  const failed = answers.find((one) => one.status === 'rejected');
  if (resolved.length === 0 && failed !== undefined) {
    const code: Code = codeOf(failed.reason);
    return { kind: 'none', code, reason: causeChain(failed.reason), flag: 'UH' };
  }
  const choice = choose({ ...parts, mesh: new MeshWithAddresses(parts.mesh, key, resolved) });
  return raceConnections === true ? withAlternatives(choice, resolved) : choice;
}

/** Most addresses that are connected to at once. */
const maxAlternatives = 7;

/** The choice with the other addresses of the name that it comes from. */
function withAlternatives(
  choice: UpstreamChoice,
  resolved: readonly ServiceEndpoint[],
): UpstreamChoice {
  if (choice.kind === 'none') return choice;
  const { endpoint } = choice;
  const name = declaredUid(endpoint.workload.uid);
  const alternatives = resolved
    .filter(({ workload }) => workload.uid !== endpoint.workload.uid)
    .filter(({ workload }) => declaredUid(workload.uid) === name)
    .flatMap(({ workload }) => workload.addresses)
    .slice(0, maxAlternatives);
  return { ...choice, endpoint: { ...endpoint, alternatives } };
}

/** The service that a backend means; undefined where choosing tells what is wrong, and for workloads. */
function wantedService({ backend, connection, parts }: UpstreamQuery): Wanted | undefined {
  const { target } = connection;
  const isOther = backend !== undefined && backend.service !== target.rules;
  const service = isOther
    ? parts.mesh.serviceByKey(backend.service)
    : target.kind === 'service'
      ? target.service
      : undefined;
  if (service === undefined) return undefined;
  const rules = parts.table.get(keyOfService(service))?.destination;
  const name = backend?.subset;
  const subset = name === undefined ? undefined : findSubset(rules, name);
  if (name !== undefined && subset === undefined) return undefined;
  const port = backendPort(service, backend?.port, target.destination.port);
  return {
    service,
    port,
    subset: name ?? '',
    labels: subset?.labels ?? noLabels,
    policy: policyFor(rules, subset, port),
    origin: rules?.origin ?? '',
  };
}
