// What Gateways and GatewayClasses are told (features section 5.1.2). Pure.

import type { Gateway, GatewayStatus, ListenerStatus } from './kinds/gateway.ts';
import { type Condition, dated, objectKey } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import { gatewaysWithReadyPod, hasTunnel, type Provision } from './provision.ts';
import {
  type Finding,
  formatProblem,
  type Problem,
  type StatusFields,
} from './translate/finding.ts';
import { type MeshOptions, serviceHostname } from './translate/mesh-options.ts';
import { leadsToNetwork, networkOf } from './translate/networks.ts';
import {
  collectWaypoints,
  hbonePort,
  waypointClass,
  waypointController,
} from './translate/waypoints.ts';

/** The status of a Gateway beside its conditions. */
type GatewayFields = Pick<GatewayStatus, 'addresses' | 'listeners'>;

export interface GatewayReport {
  readonly findings: readonly Finding[];
  readonly fields: readonly StatusFields[];
}

/** Findings on all Gateways and classes. A waypoint's address is published when it has been ready
 * once, and stays: nothing may go around it because it is restarting. */
export function reportGateways(
  objects: ObjectSource,
  mesh: MeshOptions,
  problems: Provision['problems'],
  nowMs: number,
): GatewayReport {
  const findings: Finding[] = [];
  const fields: StatusFields[] = [];
  const waypoints = collectWaypoints(objects);
  const readyOnes = gatewaysWithReadyPod(objects);
  for (const gateway of objects.list('Gateway')) {
    const { namespace = '', name } = gateway.metadata;
    const key = objectKey(namespace, name);
    if (!waypoints.has(key)) {
      findings.push(...findingOnClass(gateway, objects));
      continue;
    }
    const valid = hasTunnel(gateway);
    const ready = valid && readyOnes.has(key);
    findings.push(...waypointFindings(gateway, valid, problems.get(key) ?? [], ready));
    const known = (gateway.status?.addresses ?? []).length > 0;
    const value = serviceHostname(namespace, name, mesh);
    const own: GatewayFields = {
      ...((ready || (known && valid)) && { addresses: [{ type: 'Hostname', value }] }),
      listeners: listenerStatuses(gateway, ready, nowMs),
    };
    fields.push({ object: gateway, fields: own });
  }
  for (const { metadata, spec } of objects.list('GatewayClass')) {
    if (spec?.controllerName !== waypointController) continue;
    findings.push({
      object: { kind: 'GatewayClass', name: metadata.name },
      type: 'Accepted',
      status: 'True',
      reason: 'Accepted',
      message: 'Gateways of this class are waypoints',
    });
  }
  return { findings, fields };
}

function waypointFindings(
  gateway: Gateway,
  valid: boolean,
  problems: readonly Problem[],
  ready: boolean,
): Finding[] {
  const { namespace = '', name } = gateway.metadata;
  const object = { kind: 'Gateway', namespace, name } as const;
  if (!valid) {
    const message = `AMB1617 spec.listeners: none has port ${hbonePort} and protocol HBONE`;
    return [
      {
        object,
        type: 'Accepted',
        status: 'False',
        reason: 'ListenersNotValid',
        message,
        code: 'AMB1617',
      },
      { object, type: 'Programmed', status: 'False', reason: 'Invalid', message },
    ];
  }
  const accepted: Finding =
    problems.length === 0
      ? {
          object,
          type: 'Accepted',
          status: 'True',
          reason: 'Accepted',
          message: 'the waypoint is valid',
        }
      : {
          object,
          type: 'Accepted',
          status: 'False',
          reason: 'InvalidParameters',
          message: `${problems.map(formatProblem).join('; ')}; the waypoint stays as it is`,
          code: 'AMB1669',
        };
  return [
    accepted,
    ready
      ? {
          object,
          type: 'Programmed',
          status: 'True',
          reason: 'Programmed',
          message: 'the waypoint is ready',
        }
      : {
          object,
          type: 'Programmed',
          status: 'False',
          reason: 'Pending',
          message: 'no pod of the waypoint is ready yet',
        },
  ];
}

/** A class that nobody takes care of. Gateway API leaves such Gateways alone; here the author is told,
 * under a condition of our own, since another controller may yet come for it. */
function findingOnClass(gateway: Gateway, objects: ObjectSource): Finding[] {
  const { namespace = '', name } = gateway.metadata;
  const className = gateway.spec?.gatewayClassName ?? '';
  if (leadsToNetwork(gateway)) {
    const message = `network ${networkOf(gateway) ?? ''} is entered here`;
    const object = { kind: 'Gateway', namespace, name } as const;
    return [{ object, type: 'ambit.io/Accepted', status: 'True', reason: 'Accepted', message }];
  }
  const found = objects.get('GatewayClass', undefined, className);
  const exists = found !== undefined;
  if (exists && !className.startsWith('istio')) return [];
  const owner = found?.spec?.controllerName ?? '';
  const message =
    className === waypointClass
      ? `AMB1608 spec.gatewayClassName: GatewayClass ${waypointClass} belongs to the controller "${owner}", not to ${waypointController}`
      : exists
        ? `AMB1608 spec.gatewayClassName: "${className}" is not implemented by this mesh; use ${waypointClass}`
        : `AMB1608 spec.gatewayClassName: there is no GatewayClass "${className}"; use ${waypointClass}, or install its controller`;
  return [
    {
      object: { kind: 'Gateway', namespace, name },
      type: 'ambit.io/Accepted',
      status: 'False',
      reason: exists ? 'UnsupportedClass' : 'UnknownClass',
      message,
      code: 'AMB1608',
    },
  ];
}

function listenerStatuses(gateway: Gateway, ready: boolean, nowMs: number): ListenerStatus[] {
  return (gateway.spec?.listeners ?? []).map(({ name, port, protocol }) => {
    const tunnel = port === hbonePort && protocol === 'HBONE';
    const before = gateway.status?.listeners?.find((listener) => listener.name === name);
    const condition = (type: string, good: boolean, reason: string, message: string): Condition =>
      dated(
        { type, status: good ? 'True' : 'False', reason: good ? type : reason, message },
        gateway,
        before?.conditions ?? [],
        nowMs,
      );
    return {
      name,
      attachedRoutes: 0,
      supportedKinds: [],
      conditions: [
        condition('Accepted', tunnel, 'UnsupportedProtocol', `port ${port}, protocol ${protocol}`),
        condition('Programmed', tunnel && ready, tunnel ? 'Pending' : 'Invalid', ''),
        condition('ResolvedRefs', true, '', ''),
      ],
    };
  });
}
