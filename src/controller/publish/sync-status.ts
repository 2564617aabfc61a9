// How far each connected proxy has followed what is published, as `ambit proxy-status` shows it. Pure.

import { type DiscoveryNode, typeUrls, versionMetadata } from '../../wire/xds.ts';
import type { TypeUrl } from './interest.ts';
import type { ProxySession } from './proxy-session.ts';

/** A proxy has what it was sent, has yet to answer, was sent nothing, or refused. */
export type SyncState = 'SYNCED' | 'STALE' | 'NOT SENT' | 'ERROR';

/** One type that a proxy has subscribed to. */
export interface TypeSync {
  /** Short, as Istio has it for its own types. */
  readonly type: string;
  readonly typeUrl: TypeUrl;
  readonly state: SyncState;
  /** The hash of the snapshot that the proxy has acknowledged; empty when it has none. */
  readonly acknowledged: string;
  /** Why the proxy refused. */
  readonly reason?: string;
}

/** What a proxy says of itself beyond its name. */
export interface ProxyBuild {
  readonly cluster: string;
  /** Ours, or Istio's where it is a stock proxy. */
  readonly version: string;
}

const shortTypes: Readonly<Record<TypeUrl, string>> = {
  [typeUrls.address]: 'WDS',
  [typeUrls.authorization]: 'WADS',
  [typeUrls.serviceConfig]: 'SCDS',
  [typeUrls.workloadLabels]: 'WLDS',
  [typeUrls.credential]: 'CRDS',
};

/** The state of each type of a session. `refusals` has the reason where the last response was refused. */
export function syncStates(
  session: ProxySession,
  refusals: ReadonlyMap<string, { readonly reason: string }>,
): readonly TypeSync[] {
  return session.subscriptions().map(({ typeUrl, isWaiting, acknowledged }) => {
    const reason = refusals.get(typeUrl)?.reason;
    const state = stateOf(isWaiting, acknowledged, reason);
    const type = shortTypes[typeUrl];
    return { type, typeUrl, state, acknowledged, ...(reason !== undefined && { reason }) };
  });
}

function stateOf(isWaiting: boolean, acknowledged: string, reason: string | undefined): SyncState {
  if (reason !== undefined) return 'ERROR';
  if (isWaiting) return 'STALE';
  return acknowledged === '' ? 'NOT SENT' : 'SYNCED';
}

/** What the metadata of a node says of its program. */
export function buildOf({ metadata }: DiscoveryNode): ProxyBuild {
  const text = (key: string): string => {
    const value = metadata[key];
    return typeof value === 'string' ? value : '';
  };
  return {
    cluster: text('CLUSTER_ID'),
    version: text(versionMetadata) || text('ISTIO_VERSION'),
  };
}
