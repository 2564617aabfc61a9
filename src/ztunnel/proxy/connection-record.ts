// One connection's decision record, from its beginning to the one end it has.

import { randomBytes } from 'node:crypto';
import type { DecisionLog } from '../../dataplane/decisions.ts';
import { newDecisionId } from '../../dataplane/decisions.ts';
import type { SpliceResult } from '../../dataplane/splice.ts';
import type { TrafficParties } from '../../dataplane/traffic-labels.ts';
import type { ConnectionMeter } from '../../dataplane/traffic-metrics.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import type { DecisionRecord, Hop, Party, ShadowVerdict, Verdict } from '../../mesh/decision.ts';
import { keyOfService, type Service } from '../../mesh/service.ts';
import type { Workload } from '../../mesh/workload.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { ProxyParts } from './proxy-parts.ts';

/** A fresh trace id: 32 hexadecimal digits. */
export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/** A fresh span id: 16 hexadecimal digits. */
export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}

/** Makes a party of what is known of one end. */
export function partyOf(
  endpoint: Endpoint,
  known: { workload?: Workload; identity?: string; service?: Service } = {},
): Party {
  const { workload, identity, service } = known;
  return {
    address: formatEndpoint(endpoint),
    ...(workload && {
      workload: workload.name,
      namespace: workload.namespace,
      cluster: workload.clusterId,
    }),
    ...(identity !== undefined && { identity }),
    ...(service && { service: keyOfService(service) }),
  };
}

/** What a record says beside its verdict; filled in as the story unfolds. */
export interface RecordFacts {
  readonly direction: DecisionRecord['direction'];
  readonly traceId: string;
  source: Party;
  destination: Party;
  transport: DecisionRecord['transport'];
  hop?: Hop;
}

/** The record in the making. The first verdict is the one that stands. */
export class ConnectionRecord {
  readonly id = newDecisionId();
  readonly facts: RecordFacts;
  /** What dry-run policies would have made of it. */
  shadow: ShadowVerdict | undefined;
  #meter: ConnectionMeter | undefined;
  readonly #decisions: DecisionLog;
  readonly #parts: ProxyParts;
  readonly #startMs: number;
  #ended = false;

  constructor(parts: ProxyParts, facts: RecordFacts) {
    this.#parts = parts;
    this.#decisions = parts.decisions;
    this.#startMs = parts.clock.monotonic();
    this.facts = facts;
  }

  /** To be called once, when both ends are known: the connection is counted and listed from here on. */
  opened(hop: Hop, parties: TrafficParties): void {
    if (this.#ended) return;
    this.facts.hop = hop;
    this.#meter = this.#parts.metrics.open(parties);
    this.#parts.open.add(this);
    this.#decisions.opened({ id: this.id, ...this.facts });
  }

  /** Counts bytes as they flow; `a` is the client's side. */
  readonly count = (direction: 'a-to-b' | 'b-to-a', bytes: number): void => {
    if (direction === 'a-to-b') this.#meter?.sent(bytes);
    else this.#meter?.received(bytes);
  };

  /** Writes the record. */
  end(
    verdict: Verdict,
    bytes: { sent: number; received: number } = { sent: 0, received: 0 },
  ): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#meter?.close(verdict.code);
    this.#parts.open.delete(this);
    const { clock, recordedBy, configVersion } = this.#parts;
    this.#decisions.record({
      id: this.id,
      ...this.facts,
      time: new Date(clock.now()).toISOString(),
      by: recordedBy,
      verdict: { ...verdict, ...(this.shadow && { shadow: this.shadow }) },
      configVersion: configVersion(),
      bytesSent: bytes.sent,
      bytesReceived: bytes.received,
      durationMs: clock.monotonic() - this.#startMs,
    });
  }

  /** Ends with what was caught. */
  fail(error: unknown): void {
    this.end({ outcome: 'failed', code: codeOf(error), reason: causeChain(error) });
  }

  /** Ends after bytes were copied. A reset by either application is a normal end; an end that the
   * proxy or the tunnel brought about is a failure with its code. */
  finish(result: SpliceResult, reason: string, ended?: Verdict): void {
    const bytes = { sent: result.aToB, received: result.bToA };
    const { error } = result;
    if (ended !== undefined) this.end(ended, bytes);
    else if (error instanceof AmbitError) {
      this.end({ outcome: 'failed', code: error.code, reason: causeChain(error) }, bytes);
    } else {
      const reset = error === undefined ? '' : `; reset by the ${sideOf(result)}`;
      this.end({ outcome: 'forwarded', reason: `${reason}${reset}` }, bytes);
    }
  }
}

function sideOf({ failed }: SpliceResult): string {
  return failed === 'a' ? 'source' : 'destination';
}
