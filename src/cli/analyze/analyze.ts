// Runs all analyzers and decides what of their messages is shown. Pure.

import type { KubernetesObject } from '../../controller/kinds/object.ts';
import { annotations } from './analyzers/annotations.ts';
import { conditions, gatewayApi, webhooks } from './analyzers/cluster.ts';
import {
  entryAddresses,
  entryProtocols,
  ruleHosts,
  subsets,
  verification,
} from './analyzers/destinations.ts';
import { customProviders, selectors, targets, waypointSelectors } from './analyzers/policies.ts';
import { destinations, gatewayNames, neverReached, sharedHosts } from './analyzers/routing.ts';
import { portNames, sharedPods } from './analyzers/services.ts';
import { telemetryConflicts, telemetryProviders } from './analyzers/telemetries.ts';
import { translation, validity } from './analyzers/validity.ts';
import { type Level, levels, type Message, reaches } from './message.ts';
import type { World } from './world.ts';

/** All analyzers by name. */
export const analyzers: Readonly<Record<string, (world: World) => readonly Message[]>> = {
  'schema.Validation': validity,
  'mesh.Translation': translation,
  'virtualservice.Destinations': destinations,
  'virtualservice.Gateways': gatewayNames,
  'virtualservice.ConflictingHosts': sharedHosts,
  'virtualservice.UnreachableRules': neverReached,
  'destinationrule.Hosts': ruleHosts,
  'destinationrule.Subsets': subsets,
  'destinationrule.CaCertificates': verification,
  'serviceentry.Addresses': entryAddresses,
  'serviceentry.Protocols': entryProtocols,
  'service.PortNames': portNames,
  'service.SharedPods': sharedPods,
  'policy.Selectors': selectors,
  'policy.WaypointSelectors': waypointSelectors,
  'policy.Targets': targets,
  'policy.Providers': customProviders,
  'telemetry.Providers': telemetryProviders,
  'telemetry.Conflicts': telemetryConflicts,
  'annotations.All': annotations,
  'cluster.Conditions': conditions,
  'cluster.Webhooks': webhooks,
  'cluster.GatewayApi': gatewayApi,
};

const suppressAnnotation = 'galley.istio.io/analyze-suppress';

/** `CODE=KIND NAME.NAMESPACE`, with stars for any text. */
export interface Suppression {
  readonly code: string;
  readonly origin: RegExp;
}

/** Reads one; undefined when it has another form. */
export function readSuppression(text: string): Suppression | undefined {
  const match = /^((?:IST|AMB)\d{4})=(\S.*)$/.exec(text);
  if (match === null) return undefined;
  const pattern = (match[2] ?? '').replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return { code: match[1] ?? '', origin: new RegExp(`^${pattern}$`) };
}

/** What of the messages is wanted. */
export interface Selection {
  /** Whether an object is looked at. */
  readonly isWanted: (object: KubernetesObject) => boolean;
  readonly suppressions: readonly Suppression[];
  readonly threshold: Level;
}

/** `KIND NAME.NAMESPACE`, as lines name an object. */
export function originOf({ kind, metadata }: KubernetesObject): string {
  const { name, namespace } = metadata;
  return `${kind} ${namespace === undefined ? name : `${name}.${namespace}`}`;
}

/** Analyzes everything, and answers what is wanted, the worst first. */
export function analyze(world: World, selection: Selection): Message[] {
  const { isWanted, suppressions, threshold } = selection;
  const messages = Object.values(analyzers)
    .flatMap((analyzer) => analyzer(world))
    .filter(
      (one) =>
        reaches(one.level, threshold) &&
        isWanted(one.object) &&
        !isMuted(one) &&
        !suppressions.some(
          (each) => each.code === one.code && each.origin.test(originOf(one.object)),
        ),
    );
  const rank = ({ level, object, code }: Message): string =>
    `${levels.length - levels.indexOf(level)} ${originOf(object)} ${code}`;
  return withoutRepeats(messages).toSorted((left, right) => (rank(left) < rank(right) ? -1 : 1));
}

function isMuted({ object, code }: Message): boolean {
  const muted = object.metadata.annotations?.[suppressAnnotation]?.split(',') ?? [];
  return muted.some((one) => one.trim() === code || one.trim() === '*');
}

function withoutRepeats(messages: readonly Message[]): Message[] {
  const unique = new Map(
    messages.map((one) => [`${one.code} ${originOf(one.object)} ${one.field} ${one.text}`, one]),
  );
  return [...unique.values()];
}
