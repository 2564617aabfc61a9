// The latest decisions of a proxy: kept for questions, written to the access log.

import { randomBytes } from 'node:crypto';
import type { DecisionRecord, Party, Verdict } from '../mesh/decision.ts';
import type { Logger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import { type OpenedConnection, writeAccessLog, writeOpened } from './access-log.ts';
import { dryRunMetrics } from './dry-run-metrics.ts';

/** Records kept; the oldest is dropped first. */
const maxRecords = 10_000;
const defaultAnswer = 100;

/** Which records are wanted; all conditions must hold. */
export interface DecisionFilter {
  /** The record's id, or the trace id that it shares with the other hops. */
  readonly id?: string;
  /** A pod's name, `NAMESPACE/NAME`, an address with or without port, an identity or a service. */
  readonly source?: string;
  readonly destination?: string;
  readonly limit?: number;
}

/** A fresh record id: 16 hexadecimal digits. */
export function newDecisionId(): string {
  return randomBytes(8).toString('hex');
}

export interface DecisionLogOptions {
  /** Takes the access log. */
  readonly log: Logger;
  readonly registry: MetricsRegistry;
  /** Makes lines of another form, in the place of those of the access log, and takes them. */
  readonly formatted?: {
    readonly render: (record: DecisionRecord) => string;
    readonly write: (line: string) => void;
  };
  /** Records kept. */
  readonly limit?: number;
}

/** A bounded memory of decisions. */
export class DecisionLog {
  readonly #records: DecisionRecord[] = [];
  readonly #log: Logger;
  readonly #count: (verdict: Verdict) => void;
  readonly #limit: number;
  readonly #formatted: DecisionLogOptions['formatted'];
  #next = 0;

  constructor(options: DecisionLogOptions) {
    this.#log = options.log;
    this.#count = dryRunMetrics(options.registry);
    this.#formatted = options.formatted;
    this.#limit = options.limit ?? maxRecords;
  }

  /** Says that a connection has begun whose both ends are known. */
  opened(connection: OpenedConnection): void {
    writeOpened(this.#log, connection);
  }

  /** Keeps a record and writes its line. */
  record(record: DecisionRecord): void {
    this.#records[this.#next] = record;
    this.#next = (this.#next + 1) % this.#limit;
    this.#count(record.verdict);
    if (this.#formatted === undefined) writeAccessLog(this.#log, record);
    else this.#formatted.write(this.#formatted.render(record));
  }

  /** Matching records, newest first. */
  find(filter: DecisionFilter): DecisionRecord[] {
    const { id, source, destination, limit = defaultAnswer } = filter;
    const found: DecisionRecord[] = [];
    const count = this.#records.length;
    for (let back = 1; back <= count && found.length < limit; back++) {
      const record = this.#records[(this.#next - back + count) % count];
      if (record === undefined) continue;
      if (id !== undefined && record.id !== id && record.traceId !== id) continue;
      if (source !== undefined && !isParty(record.source, source)) continue;
      if (destination !== undefined && !isParty(record.destination, destination)) continue;
      found.push(record);
    }
    return found;
  }
}

/** Whether a text means this party. A service may be named by its key, host name or first label. */
function isParty(party: Party, text: string): boolean {
  const { address, workload, namespace, identity, service } = party;
  const host = service?.slice(service.indexOf('/') + 1);
  const names = [
    workload,
    workload && `${namespace}/${workload}`,
    address,
    address.slice(0, address.lastIndexOf(':')),
    identity,
    service,
    host,
    host?.split('.')[0],
  ];
  return names.includes(text);
}
