// What the authors of routes and DestinationRules are told beside validity.

import type { DestinationRule, DestinationSpec, VirtualService } from '../kinds/networking.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { expandRoutes, isDelegate } from './delegates.ts';
import { type Finding, formatProblem, type ObjectReference } from './finding.ts';
import type { RouteReport } from './gateway-parents.ts';
import { type RouteUse, type RouteUses, useKey } from './route-use.ts';
import type { ServiceConfigs } from './service-configs.ts';
import {
  unsupportedInDestinationRule,
  unsupportedInRoute,
  unsupportedInVirtualService,
} from './unsupported.ts';
import { forMesh } from './virtual-services.ts';

/** Findings on one valid VirtualService. */
export function findingsOnVirtualService(
  object: VirtualService,
  configs: ServiceConfigs,
): Finding[] {
  return [
    programmed(object, configs),
    resolved(object, configs),
    ...delegation(object, configs),
    ...unsupported(object, unsupportedInVirtualService(object)),
  ];
}

/** Findings on one valid DestinationRule. */
export function findingsOnDestinationRule(
  object: DestinationRule,
  { ruleUses }: ServiceConfigs,
): Finding[] {
  return [ruleUses.finding(object), ...unsupported(object, unsupportedInDestinationRule(object))];
}

/** Findings on one valid route of the Gateway API, beside what its parents' conditions say. */
export function findingsOnRoute(report: RouteReport, uses: RouteUses): Finding[] {
  const { object, problems, ungranted, parents } = report;
  const shared = { object: referenceTo(object) } as const;
  const [first] = problems;
  const findings: Finding[] = [];
  // Routes of gateways are for their controllers to speak of.
  if (parents.length === 0) return [];
  const use = uses.get(useKey(object));
  findings.push(
    use === undefined ? notBound(report) : { ...shared, type: programmedType, ...stateOf(use) },
  );
  if (first !== undefined) {
    const message = `AMB1607 ${problems.map(({ text }) => text).join('; ')}; requests for it are answered 500`;
    const type = 'ambit.io/ResolvedRefs';
    findings.push({
      ...shared,
      type,
      status: 'False',
      reason: first.reason,
      message,
      code: 'AMB1607',
    });
  }
  if (ungranted.length > 0) {
    const message = `AMB1629 ${ungranted.join('; ')}: no ReferenceGrant there permits it`;
    const type = 'ambit.io/Granted';
    const reason = 'RefNotPermitted';
    findings.push({ ...shared, type, status: 'False', reason, message, code: 'AMB1629' });
  }
  return [...findings, ...unsupported(object, unsupportedInRoute(object))];
}

const programmedType = 'ambit.io/Programmed';

function notBound({ object, parents }: RouteReport): Finding {
  const why = parents.flatMap(({ conditions }) =>
    conditions
      .filter(({ type, status }) => type !== 'ResolvedRefs' && status === 'False')
      .map(({ message }) => message),
  );
  const text = why.join('; ');
  const code = text.startsWith('AMB1628') ? 'AMB1628' : 'AMB1615';
  const reason = code === 'AMB1628' ? 'NoMatchingParent' : 'NoWaypoint';
  const message = text === '' ? 'AMB1615 the route has no rules in force' : text;
  return {
    object: referenceTo(object),
    type: programmedType,
    status: 'False',
    reason,
    message,
    code,
  };
}

function referenceTo(object: KubernetesObject): ObjectReference {
  const { namespace = '', name } = object.metadata;
  return { kind: object.kind as ObjectReference['kind'], namespace, name };
}

function unsupported(object: KubernetesObject, paths: readonly string[]): Finding[] {
  if (paths.length === 0) return [];
  return [
    {
      object: referenceTo(object),
      type: 'ambit.io/FullySupported',
      status: 'False',
      reason: 'UnsupportedFields',
      message: `AMB1610 without effect in this version: ${paths.join(', ')}`,
      code: 'AMB1610',
    },
  ];
}

/** Whether and where the routes are in force. */
function programmed(object: VirtualService, configs: ServiceConfigs): Finding {
  const shared = { object: referenceTo(object), type: programmedType } as const;
  const use = configs.uses.get(useKey(object));
  if (isDelegate(object)) {
    if (use !== undefined) return { ...shared, ...stateOf(use) };
    const message =
      'AMB1627 spec.hosts is empty, and no VirtualService in force delegates to this one';
    return { ...shared, status: 'False', reason: 'NotDelegatedTo', message, code: 'AMB1627' };
  }
  if (!forMesh(object.spec ?? {})) {
    const message =
      'AMB1610 spec.gateways names no "mesh", and gateways of this kind are not supported yet';
    return { ...shared, status: 'False', reason: 'NotForMesh', message, code: 'AMB1610' };
  }
  if (use === undefined) {
    const message =
      'AMB1615 no service that spec.hosts names is served by a waypoint, so the routes have no effect';
    return { ...shared, status: 'False', reason: 'NoWaypoint', message, code: 'AMB1615' };
  }
  if (use.inForce.length === 0) {
    const why = use.outside.join('; ') || 'no route is left for the mesh';
    const message = `AMB1618 ${why}`;
    return { ...shared, status: 'False', reason: 'OutOfReach', message, code: 'AMB1618' };
  }
  return { ...shared, ...stateOf(use) };
}

/** Most shadowed routes that one condition lists. */
const maxListed = 20;

/** Of an object whose routes are in a table; some of them may never be reached. */
function stateOf({
  inForce,
  matches,
  shadowed,
}: RouteUse): Pick<Finding, 'status' | 'reason' | 'message' | 'code'> {
  const places = inForce.toSorted().join(', ');
  if (shadowed.length === 0) {
    return { status: 'True', reason: 'Programmed', message: `in force for ${places}` };
  }
  const more = shadowed.length - maxListed;
  const list = shadowed.slice(0, maxListed).join('; ') + (more > 0 ? `; and ${more} more` : '');
  const isLost = shadowed.length >= matches;
  const message = `AMB1614 ${isLost ? '' : `in force for ${places}; `}${list}`;
  return { status: isLost ? 'False' : 'True', reason: 'Shadowed', message, code: 'AMB1614' };
}

/** Delegations without effect. */
function delegation(object: VirtualService, { delegates }: ServiceConfigs): Finding[] {
  if (!(object.spec?.http ?? []).some((route) => route.delegate !== undefined)) return [];
  const { problems } = expandRoutes(object, delegates);
  const shared = { object: referenceTo(object), type: 'ambit.io/Delegated' } as const;
  if (problems.length === 0) {
    const message = 'all delegates are in force';
    return [{ ...shared, status: 'True', reason: 'Delegated', message }];
  }
  const message = problems.map(formatProblem).join('; ');
  return [{ ...shared, status: 'False', reason: 'DelegateNotUsed', message, code: 'AMB1627' }];
}

/** Whether all destinations exist. */
function resolved(object: VirtualService, configs: ServiceConfigs): Finding {
  const problems = destinationsIn(object).flatMap(({ path, destination }) =>
    unresolved(destination, path, object, configs),
  );
  const shared = { object: referenceTo(object), type: 'ambit.io/ResolvedRefs' } as const;
  if (problems.length === 0) {
    const message = 'all destinations exist';
    return { ...shared, status: 'True', reason: 'ResolvedRefs', message };
  }
  const message = `AMB1607 ${problems.join('; ')}`;
  return { ...shared, status: 'False', reason: 'BackendNotFound', message, code: 'AMB1607' };
}

/** Every destination of a VirtualService, mirrors included, with its place. */
function destinationsIn(
  object: VirtualService,
): { readonly path: string; readonly destination: DestinationSpec }[] {
  const { http = [], tls = [], tcp = [] } = object.spec ?? {};
  const of = (list: typeof tcp | typeof http, field: string) =>
    list.flatMap(({ route = [] }, index) =>
      route.map(({ destination = {} }, place) => ({
        path: `spec.${field}[${index}].route[${place}].destination`,
        destination,
      })),
    );
  const mirrors = http.flatMap(({ mirror, mirrors: several = [] }, index) => [
    ...(mirror === undefined ? [] : [{ path: `spec.http[${index}].mirror`, destination: mirror }]),
    ...several.map(({ destination = {} }, place) => ({
      path: `spec.http[${index}].mirrors[${place}].destination`,
      destination,
    })),
  ]);
  return [...of(http, 'http'), ...mirrors, ...of(tls, 'tls'), ...of(tcp, 'tcp')];
}

function unresolved(
  { host = '', subset, port }: DestinationSpec,
  path: string,
  object: VirtualService,
  { hosts, rules, ports }: ServiceConfigs,
): string[] {
  const namespace = object.metadata.namespace ?? '';
  const service = hosts.find(host, namespace);
  if (service === undefined) return [`${path}.host: no service has the host "${host}"`];
  const known = ports(service);
  const wrong =
    port?.number !== undefined && !known.includes(port.number)
      ? [`${path}.port.number: "${host}" has no port ${port.number}`]
      : [];
  if (subset === undefined || subset === '') return wrong;
  const [home = '', hostname = ''] = service.split('/');
  const found = rules.choose(
    { hostname, namespace: home, prefersPlace: false },
    { namespace, labels: {} },
  ).rules;
  if (found?.subsets.some(({ name }) => name === subset) === true) return wrong;
  return [...wrong, `${path}.subset: no DestinationRule of "${host}" has the subset "${subset}"`];
}
