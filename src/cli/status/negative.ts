// Objects of users that are not in force as written, by what their conditions say. Pure.

import { fieldsOf, listOf, textOf } from '../ztunnel/dump.ts';
import { type ClusterFacts, conditionsOf, keyOf, type StatusObject } from './objects.ts';
import { rowOf, type StatusRow } from './row.ts';

/** Conditions that should be True. */
const good: ReadonlySet<string> = new Set([
  'Accepted',
  'Programmed',
  'ResolvedRefs',
  'ResolvedWaypoints',
  'Reconciled',
  'ZtunnelAccepted',
  'WaypointAccepted',
  'istio.io/WaypointBound',
  'istio.io/VisibilityApplied',
]);
/** Conditions that should not be. */
const bad: ReadonlySet<string> = new Set([
  'istio.io/WaypointMissing',
  'PartiallyInvalid',
  'Conflicted',
]);
/** Of routes and of Gateways, only what we or Istio answer for. */
const ownControllers = 'istio.io/';

/** The rows of what is configured: one for each kind that there is. */
export function configurationRows({ configuration }: ClusterFacts): readonly StatusRow[] {
  return [...configuration].flatMap(([kind, objects]) => {
    const own = objects.filter((object) => isOurs(kind, object));
    if (own.length === 0) return [];
    const troubles = own.flatMap((object) => {
      const wrong = negativeCondition(object);
      if (wrong === undefined) return [];
      const { name, namespace } = object.metadata;
      return [
        {
          why: `${keyOf(object)}: ${wrong}`,
          remedy: `kubectl describe ${kind.toLowerCase()} -n ${namespace} ${name}`,
        },
      ];
    });
    return [rowOf(kind, `${own.length - troubles.length}/${own.length}`, 'in force', troubles)];
  });
}

/** Waypoints have rows of their own; Gateways of other classes are others' affair, and so are Services that use no
 * waypoint, which have nothing to be told. */
function isOurs(kind: string, object: StatusObject): boolean {
  if (kind === 'Gateway') return false;
  return kind !== 'Service' || conditionsOf(object).some(({ type }) => good.has(type));
}

/** The first condition of an object that says that it is not in force. */
function negativeCondition({ status = {} }: StatusObject): string | undefined {
  const parents = [...listOf(status, 'parents'), ...listOf(status, 'ancestors')].filter((parent) =>
    textOf(parent, 'controllerName').startsWith(ownControllers),
  );
  const all = [status, ...parents].flatMap((holder) => listOf(fieldsOf(holder), 'conditions'));
  const wrong = all.find((condition) => {
    const type = textOf(condition, 'type');
    const value = textOf(condition, 'status');
    return (good.has(type) && value === 'False') || (bad.has(type) && value === 'True');
  });
  if (wrong === undefined) return undefined;
  const words = textOf(wrong, 'message') || textOf(wrong, 'reason');
  return `${textOf(wrong, 'type')}=${textOf(wrong, 'status')}, ${words}`;
}
