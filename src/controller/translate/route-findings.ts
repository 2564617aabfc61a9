// What the authors of VirtualServices and DestinationRules are told beside validity.

import type { DestinationRule, HttpMatchSpec, VirtualService } from '../kinds/networking.ts';
import { keyOf } from '../kinds/object.ts';
import type { Finding } from './finding.ts';
import type { ServiceConfigs } from './service-configs.ts';
import { unsupportedInDestinationRule, unsupportedInVirtualService } from './unsupported.ts';
import { forMesh } from './virtual-services.ts';

/** Findings on one valid VirtualService. */
export function findingsOnVirtualService(
  object: VirtualService,
  configs: ServiceConfigs,
): Finding[] {
  const reference = { kind: 'VirtualService', ...placeOf(object) } as const;
  const unsupported = unsupportedInVirtualService(object);
  return [
    programmed(object, configs),
    resolved(object, configs),
    ...(unsupported.length === 0 ? [] : [unsupportedFinding(reference, unsupported)]),
  ];
}

/** Findings on one valid DestinationRule. */
export function findingsOnDestinationRule(object: DestinationRule): Finding[] {
  const unsupported = unsupportedInDestinationRule(object);
  if (unsupported.length === 0) return [];
  return [unsupportedFinding({ kind: 'DestinationRule', ...placeOf(object) }, unsupported)];
}

function placeOf(object: VirtualService | DestinationRule): { namespace: string; name: string } {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

function unsupportedFinding(object: Finding['object'], paths: readonly string[]): Finding {
  return {
    object,
    type: 'ambit.io/FullySupported',
    status: 'False',
    reason: 'UnsupportedFields',
    message: `AMB1610 without effect in this version: ${paths.join(', ')}`,
    code: 'AMB1610',
  };
}

/** Whether and where the routes are in force. */
function programmed(object: VirtualService, configs: ServiceConfigs): Finding {
  const shared = {
    object: { kind: 'VirtualService', ...placeOf(object) },
    type: 'ambit.io/Programmed',
  } as const;
  if (!forMesh(object.spec ?? {})) {
    const message =
      'AMB1610 spec.gateways names no "mesh", and gateways of this kind are not supported yet';
    return { ...shared, status: 'False', reason: 'NotForMesh', message, code: 'AMB1610' };
  }
  const use = configs.uses.get(keyOf(object));
  if (use === undefined) {
    const message =
      'AMB1615 no service that spec.hosts names is served by a waypoint, so the routes have no effect';
    return { ...shared, status: 'False', reason: 'NoWaypoint', message, code: 'AMB1615' };
  }
  if (use.inForce.length === 0 && use.shadowedBy.length === 0) {
    const message = `AMB1618 ${use.outside.join('; ')}`;
    return { ...shared, status: 'False', reason: 'OutOfReach', message, code: 'AMB1618' };
  }
  const shadowed = [...use.shadowedBy, ...unreachableRoutes(object)];
  const places = use.inForce.sort().join(', ');
  if (shadowed.length > 0) {
    const message = `AMB1614 ${places === '' ? '' : `in force for ${places}; `}shadowed: ${shadowed.join('; ')}`;
    const status = places === '' ? 'False' : 'True';
    return { ...shared, status, reason: 'Shadowed', message, code: 'AMB1614' };
  }
  return { ...shared, status: 'True', reason: 'Programmed', message: `in force for ${places}` };
}

/** Routes behind one that takes everything. */
function unreachableRoutes(object: VirtualService): string[] {
  const routes = object.spec?.http ?? [];
  const taker = routes.findIndex(({ match }) => match === undefined || match.some(isCatchAll));
  if (taker === -1 || taker === routes.length - 1) return [];
  return [
    `spec.http[${taker + 1}] and later are never reached, as http[${taker}] takes everything`,
  ];
}

function isCatchAll(match: HttpMatchSpec): boolean {
  const { name: _, uri, gateways: __, ...others } = match;
  if (Object.keys(others).length > 0) return false;
  return uri === undefined || uri.prefix === '/' || uri.regex === '.*';
}

/** Whether all destinations exist. */
function resolved(object: VirtualService, configs: ServiceConfigs): Finding {
  const { namespace } = placeOf(object);
  const problems = (object.spec?.http ?? []).flatMap((route, index) =>
    (route.route ?? []).flatMap(({ destination }, position) => {
      const { host = '', subset } = destination ?? {};
      const path = `spec.http[${index}].route[${position}].destination`;
      const service = configs.hosts.find(host, namespace);
      if (service === undefined) return [`${path}.host: no service has the host "${host}"`];
      if (subset === undefined || subset === '') return [];
      const [home = '', hostname = ''] = service.split('/');
      const rules = configs.rules.find(hostname, home, namespace);
      if (rules?.subsets.some(({ name }) => name === subset) === true) return [];
      return [`${path}.subset: no DestinationRule of "${host}" has the subset "${subset}"`];
    }),
  );
  const shared = {
    object: { kind: 'VirtualService', ...placeOf(object) },
    type: 'ambit.io/ResolvedRefs',
  } as const;
  if (problems.length === 0) {
    const message = 'all destinations exist';
    return { ...shared, status: 'True', reason: 'ResolvedRefs', message };
  }
  const message = `AMB1607 ${problems.join('; ')}`;
  return { ...shared, status: 'False', reason: 'BackendNotFound', message, code: 'AMB1607' };
}
