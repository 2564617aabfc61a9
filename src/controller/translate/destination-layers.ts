// The layers of a destination's traffic policy, resolved: subsets over the whole, ports over both, and what
// the mesh says beneath (features section 1.2.1).

import type { PortPolicies, TrafficPolicy } from '../../mesh/destination.ts';
import type { ConnectionPoolSpec, LocalityLbSpec, TrafficPolicySpec } from '../kinds/networking.ts';
import {
  translateBalancer,
  translateLocality,
  translateOutliers,
  translatePool,
  translateTls,
  translateWayOut,
} from './destination-blocks.ts';
import type { TrafficDefaults } from './traffic-defaults.ts';

/** What lies beneath every policy. */
export interface Beneath {
  readonly defaults: TrafficDefaults;
  /** The Service itself prefers endpoints near the client, which goes before what the mesh prefers. */
  readonly prefersPlace: boolean;
}

type Layer = TrafficPolicySpec | undefined;

/** The policy of a whole destination, or of a subset of it, with those of its ports. */
export function resolvePolicies(whole: Layer, subset: Layer, beneath: Beneath): PortPolicies {
  const policy = compile(overlay(whole, subset), beneath);
  const numbers = new Set([...portsOf(whole), ...portsOf(subset)]);
  const ports = [...numbers].toSorted((left, right) => left - right);
  return {
    ...(policy && { policy }),
    ...(ports.length > 0 && {
      ports: ports.map((port) => ({
        port,
        policy: compile(ofPort(whole, subset, port), beneath) ?? {},
      })),
    }),
  };
}

function portsOf(layer: Layer): number[] {
  return (layer?.portLevelSettings ?? []).flatMap(({ port }) => port?.number ?? []);
}

/** Block by block, the upper where it says something. */
function overlay(lower: Layer, upper: Layer): TrafficPolicySpec {
  return { ...lower, ...upper };
}

/** An entry for a port replaces the four blocks that it can have; of the whole, the others are lost as
 * well. */
function ofPort(whole: Layer, subset: Layer, port: number): TrafficPolicySpec {
  const ofWhole = entryFor(whole, port) ?? whole;
  const own = entryFor(subset, port);
  if (own === undefined) return overlay(ofWhole, subset);
  const { tunnel, proxyProtocol, retryBudget } = overlay(ofWhole, subset);
  return {
    ...own,
    ...(tunnel && { tunnel }),
    ...(proxyProtocol && { proxyProtocol }),
    ...(retryBudget && { retryBudget }),
  };
}

function entryFor(layer: Layer, number: number): TrafficPolicySpec | undefined {
  const found = layer?.portLevelSettings?.find(({ port }) => port?.number === number);
  if (found === undefined) return undefined;
  const { port: _, ...entry } = found;
  return entry;
}

/** Nothing, where neither the destination nor the mesh says something. */
function compile(spec: TrafficPolicySpec, beneath: Beneath): TrafficPolicy | undefined {
  const { defaultTrafficPolicy = {} } = beneath.defaults;
  const outliers = spec.outlierDetection ?? defaultTrafficPolicy.outlierDetection;
  const connectionPool = poolOver(spec.connectionPool, beneath.defaults);
  const locality = translateLocality(localityOf(spec, beneath), outliers !== undefined);
  const ofRule = spec.loadBalancer?.localityLbSetting !== undefined;
  const loadBalancer = {
    ...translateBalancer(spec.loadBalancer ?? {}),
    ...(locality && { locality }),
    ...(!locality && ofRule && beneath.prefersPlace && { ignoresPlace: true }),
  };
  const policy: TrafficPolicy = {
    ...(isSaid(loadBalancer) && { loadBalancer }),
    ...(isSaid(connectionPool) && { connectionPool }),
    ...(outliers && { outlierDetection: translateOutliers(outliers) }),
    ...(spec.tls && { tls: translateTls(spec.tls) }),
    ...translateWayOut(spec),
  };
  return isSaid(policy) ? policy : undefined;
}

/** The first that says something: the destination, the Service, the mesh. Without any, near places go first. */
function localityOf(spec: TrafficPolicySpec, { defaults, prefersPlace }: Beneath): LocalityLbSpec {
  const own = spec.loadBalancer?.localityLbSetting;
  if (own !== undefined) return own;
  return prefersPlace ? { enabled: false } : (defaults.localityLbSetting ?? {});
}

function poolOver(own: ConnectionPoolSpec | undefined, defaults: TrafficDefaults) {
  const spec = own ?? defaults.defaultTrafficPolicy?.connectionPool ?? {};
  const { connectTimeout } = defaults;
  const policy = spec.http?.h2UpgradePolicy ?? 'DEFAULT';
  const h2UpgradePolicy = policy === 'DEFAULT' ? (defaults.h2UpgradePolicy ?? policy) : policy;
  return translatePool(
    {
      tcp: { ...(connectTimeout !== undefined && { connectTimeout }), ...spec.tcp },
      http: {
        ...spec.http,
        // What the mesh wishes for all does not concern a destination that follows its clients.
        ...(spec.http?.useClientProtocol !== true && { h2UpgradePolicy }),
      },
    },
    defaults.tcpKeepalive,
  );
}

function isSaid(block: object): boolean {
  return Object.keys(block).length > 0;
}
