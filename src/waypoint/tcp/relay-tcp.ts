// Connections without HTTP: authorized by what is known of a connection, sent to one endpoint, copied
// both ways, recorded.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { splice } from '../../dataplane/splice.ts';
import { authorizeRequest } from '../../mesh/authorize-request.ts';
import { chooseBackend } from '../../mesh/choose-backend.ts';
import { chooseConnectionRoute } from '../../mesh/choose-connection-route.ts';
import type { ShadowVerdict } from '../../mesh/decision.ts';
import { causeChain } from '../../runtime/errors.ts';
import { RequestHash } from '../balance/request-hash.ts';
import { chooseUpstream, firstAttempt } from '../request/choose-upstream.ts';
import { findUpstream, noteOn } from '../request/find-upstream.ts';
import type { ClientConnection, PipelineParts, RelayMeter } from '../request/parts.ts';
import type { Ending } from '../request/record-request.ts';
import type { UpstreamEndpoint } from '../upstream/endpoints.ts';
import { lifeLimits } from '../upstream/limit-life.ts';
import { RelayLife } from './limit-relay.ts';
import { failedOpening, openLimited } from './open-limited.ts';

/** A way to an endpoint, or why there is none. */
export type TcpWay =
  | {
      readonly kind: 'open';
      readonly stream: ByteStream;
      readonly endpoint: UpstreamEndpoint;
      readonly reason: string;
      readonly life: RelayLife;
      readonly route?: string;
      readonly shadow?: ShadowVerdict;
    }
  /** `status` answers the tunnel, where that is still possible. */
  | { readonly kind: 'refused'; readonly status: 401 | 503; readonly ending: Ending };

/** Authorizes a connection and opens the way to an endpoint. `sni` is the name in its TLS hello. Rejects
 * only when the signal fires. */
export async function openTcp(
  connection: ClientConnection,
  parts: PipelineParts,
  signal: AbortSignal,
  sni?: string,
): Promise<TcpWay> {
  const { target, source } = connection;
  const rules = parts.table.get(target.rules);
  if (rules === undefined) {
    const reason = `${target.rules} is no longer served here`;
    return refused(503, { outcome: 'failed', code: 'AMB1710', reason, status: 0, flag: 'NR' });
  }
  const facts = { source, destination: target.destination };
  const verdict = authorizeRequest(rules.policies, facts);
  if (!verdict.allowed) {
    const { reason, policy, rule, shadow } = verdict;
    return refused(401, {
      outcome: 'denied',
      code: 'AMB1702',
      reason,
      status: 0,
      flag: '-',
      ...(policy === undefined ? {} : { policy }),
      ...(rule === undefined ? {} : { rule }),
      ...(shadow === undefined ? {} : { shadow }),
    });
  }
  const routed = chooseConnectionRoute(rules.config.connectionRoutes ?? [], facts, sni);
  const drawn =
    routed.kind === 'route' ? chooseBackend(routed.route.backends, parts.random()) : undefined;
  const route = routed.kind === 'route' ? { route: routed.route.origin } : {};
  const why = [verdict.reason, ...(drawn ? [routed.reason, drawn.reason] : [])].join('; ');
  if (routed.kind === 'route' && (drawn === undefined || drawn.backend.unresolved !== undefined)) {
    const reason = `${routed.reason}; ${drawn?.backend.unresolved ?? 'none of its backends has a weight'}`;
    const ending = { outcome: 'failed', code: 'AMB1717', reason, status: 0, flag: 'NC' } as const;
    return refused(503, { ...ending, ...route });
  }
  const hash = new RequestHash({ sourceAddress: source.address }, parts.hex);
  const query = { backend: drawn?.backend, connection, parts, signal };
  const choice = await findUpstream(query, (known, ejected) =>
    chooseUpstream(drawn?.backend, connection, known, { ...firstAttempt, ejected, hash }),
  );
  if (choice.kind === 'none') {
    const { code, reason, flag } = choice;
    return refused(503, { outcome: 'failed', code, reason, status: 0, flag, ...route });
  }
  const { endpoint, destination } = choice;
  const notes = [destination && noteOn(destination), choice.note];
  const reason = [why, ...notes.filter((note) => note !== undefined)].join('; ');
  const life = new RelayLife(lifeLimits(destination?.policy.connectionPool, 'tcp'), parts.clock);
  try {
    const caller = { traceId: connection.traceId, spanId: parts.hex(16), client: connection.peer };
    const stream = await openLimited(choice, caller, parts, signal);
    const load = parts.activity.enter(endpoint.workload.uid);
    void stream.closed.then(() => load[Symbol.dispose]());
    const { shadow } = verdict;
    return { kind: 'open', stream, endpoint, reason, life, ...route, ...(shadow && { shadow }) };
  } catch (error) {
    signal.throwIfAborted();
    const failed = failedOpening(error);
    const what = `${reason}; the endpoint could not be reached: ${causeChain(error)}`;
    const ending = { outcome: 'failed', reason: what, status: 0, ...failed } as const;
    return refused(503, { ...ending, ...route, endpoint });
  }
}

/** Copies until both sides are done, counted on `meter`, and says how it ended. */
export async function relayTcp(
  client: ByteStream,
  way: Extract<TcpWay, { kind: 'open' }>,
  { signal, meter }: { readonly signal: AbortSignal; readonly meter: RelayMeter },
): Promise<Ending> {
  const { life } = way;
  const onBytes = (direction: 'a-to-b' | 'b-to-a', count: number): void => {
    life.touch();
    if (direction === 'a-to-b') meter.sent(count);
    else meter.received(count);
  };
  const ending = AbortSignal.any([signal, life.start()]);
  const { aToB, bToA, error } = await splice(client, way.stream, { signal: ending, onBytes });
  const ended = life.stop();
  const late = error === undefined ? undefined : ended;
  meter.close(error === undefined ? '-' : (late?.flag ?? 'UC'));
  const { endpoint, reason, route, shadow } = way;
  const named = { ...(route !== undefined && { route }), ...(shadow && { shadow }) };
  const bytes = { bytesSent: aToB, bytesReceived: bToA, ...named };
  if (error === undefined) {
    return { outcome: 'forwarded', reason, endpoint, status: 0, flag: '-', ...bytes };
  }
  if (late !== undefined) {
    const told = `AMB1722 ${reason}; ended: ${late.reason}`;
    return { outcome: 'forwarded', reason: told, endpoint, status: 0, flag: late.flag, ...bytes };
  }
  const broken = `${reason}; the connection broke: ${causeChain(error)}`;
  return { outcome: 'forwarded', reason: broken, endpoint, status: 0, flag: 'UC', ...bytes };
}

function refused(status: 401 | 503, ending: Ending): TcpWay {
  return { kind: 'refused', status, ending };
}
