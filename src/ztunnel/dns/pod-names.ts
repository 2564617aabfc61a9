// From the bytes of a pod's query to the bytes of its answer: what the mesh knows is answered here, the
// rest is asked for in the pod's place (protocol section 8).

import type { Code } from '../../mesh/catalogue.ts';
import { type NameAnswer, type NameQuestion, resolveName } from '../../mesh/resolve-name.ts';
import type { Workload } from '../../mesh/workload.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import {
  buildError,
  buildResponse,
  type DnsRecord,
  nameOfType,
  parseQuery,
  type Query,
  type ResponseCode,
  recordTypes,
  responseCodes,
} from '../../wire/dns/message.ts';
import { formatName } from '../../wire/dns/name.ts';
import { type PodContext, type ProxyParts, workloadPatienceMs } from '../proxy/proxy-parts.ts';
import { askUpstream } from './ask-upstream.ts';
import { queryLabels } from './dns-metrics.ts';
import type { DnsParts } from './dns-parts.ts';

/** Answers are short-lived, since endpoints change. */
const ttlSeconds = 30;
/** More queries of one pod do not wait for answers at a time. */
export const maxPendingQueries = 512;

type Transport = 'udp' | 'tcp';

type OwnAnswer = Exclude<NameAnswer, { kind: 'forward' }>;

interface Asked {
  readonly bytes: Buffer;
  readonly query: Query;
  readonly transport: Transport;
}

/** Answers the queries of one pod. */
export class PodNames {
  readonly #parts: ProxyParts;
  readonly #dns: DnsParts;
  readonly #context: PodContext;
  readonly #pending = new Set<Promise<Buffer>>();

  constructor(parts: ProxyParts, dns: DnsParts, context: PodContext) {
    this.#parts = parts;
    this.#dns = dns;
    this.#context = context;
  }

  /** The answer to a message; undefined when it deserves none. Never rejects. */
  async answer(bytes: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const parsed = parseQuery(bytes);
    switch (parsed.kind) {
      case 'ignore':
        this.#refuse('AMB1453', 'shorter than a header');
        return undefined;
      case 'response':
        this.#refuse('AMB1453', 'an answer, where queries belong');
        return buildError(parsed.id, responseCodes.formatError);
      case 'bad':
        this.#refuse('AMB1453', `refused with response code ${parsed.code}`);
        return buildError(parsed.id, parsed.code);
      case 'query':
        return await this.#answer({ bytes, query: parsed.query, transport });
    }
  }

  /** Resolves when the queries that are waiting now have their answers. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** What is known is answered at once; only what has to wait is limited. */
  async #answer(asked: Asked): Promise<Buffer> {
    const client = this.#parts.state.workloadOfPod(this.#context.pod);
    if (client !== undefined) {
      const found = this.#resolve(asked.query, client);
      if (found.kind !== 'forward') {
        this.#note(asked, client, found);
        return answerOf(asked, found);
      }
    }
    if (this.#pending.size >= maxPendingQueries) {
      this.#count(asked, client);
      this.#refuse('AMB1452', `${maxPendingQueries} are waiting`);
      return withCode(asked, responseCodes.refused);
    }
    const answer = this.#answerLater(asked);
    this.#pending.add(answer);
    void answer.then(() => this.#pending.delete(answer));
    return await answer;
  }

  async #answerLater(asked: Asked): Promise<Buffer> {
    const client = await this.#client();
    try {
      if (client === undefined) {
        this.#count(asked, undefined);
        const { namespace, name } = this.#context.pod;
        throw new AmbitError('AMB1404', `nothing known of pod ${namespace}/${name}`);
      }
      const found = this.#resolve(asked.query, client);
      this.#note(asked, client, found);
      if (found.kind !== 'forward') return answerOf(asked, found);
      return await this.#forward(asked, client);
    } catch (error) {
      this.#fail(asked.query, error);
      return withCode(asked, responseCodes.serverFailure);
    }
  }

  #resolve(query: Query, client: Workload): NameAnswer {
    const { domain, ipv6, preferredNamespace } = this.#dns;
    const { state, random } = this.#parts;
    const facts = { client, domain, ipv6, preferredNamespace, random };
    return resolveName(state, questionOf(query), facts);
  }

  /** The workload of the pod, which the controller may yet have to describe. */
  async #client(): Promise<Workload | undefined> {
    const { state, clock } = this.#parts;
    const { pod, end } = this.#context;
    const limit = { timeoutMs: workloadPatienceMs, clock, signal: end };
    return await state.waitFor(() => state.workloadOfPod(pod), limit);
  }

  async #forward({ bytes, query, transport }: Asked, client: Workload): Promise<Buffer> {
    const { metrics, nameServers } = this.#dns;
    const labels = queryLabels(query.question.type, transport, client);
    const { clock } = this.#parts;
    const startMs = clock.monotonic();
    let failed = true;
    metrics.forwarded(labels);
    try {
      const servers = await nameServers();
      const answer = await askUpstream(this.#context, servers, { bytes, query }, transport);
      failed = false;
      return answer;
    } finally {
      metrics.forwardEnded(labels, { seconds: (clock.monotonic() - startMs) / 1_000, failed });
    }
  }

  #count({ query, transport }: Asked, client: Workload | undefined): void {
    this.#dns.metrics.query(queryLabels(query.question.type, transport, client));
  }

  #note(asked: Asked, client: Workload, found: NameAnswer): void {
    this.#count(asked, client);
    const { question } = asked.query;
    this.#dns.log.debug(
      {
        'src.workload': client.name,
        'src.namespace': client.namespace,
        query: nameOfType(question.type).toUpperCase(),
        domain: formatName(question.name),
        result: found.kind,
        endpoints: found.kind === 'addresses' ? found.addresses.length : 0,
        reason: found.reason,
      },
      'name asked for',
    );
  }

  #fail({ question }: Query, error: unknown): void {
    const { namespace, name } = this.#context.pod;
    const code = codeOf(error);
    this.#dns.metrics.failed(code);
    this.#dns.log.warn(
      {
        code,
        'src.workload': name,
        'src.namespace': namespace,
        query: nameOfType(question.type).toUpperCase(),
        domain: formatName(question.name),
        error: causeChain(error),
      },
      'a name could not be resolved',
    );
  }

  /** Not a warning: any program in a pod can send anything as often as it likes. */
  #refuse(code: Code, error: string): void {
    const { namespace, name } = this.#context.pod;
    this.#dns.metrics.failed(code);
    const fields = { code, 'src.workload': name, 'src.namespace': namespace, error };
    this.#dns.log.debug(fields, 'a query was refused');
  }
}

function questionOf({ question: { name, type } }: Query): NameQuestion {
  if (type === recordTypes.A) return { labels: name, type: 'a' };
  return { labels: name, type: type === recordTypes.AAAA ? 'aaaa' : 'other' };
}

function answerOf({ query, transport }: Asked, found: OwnAnswer): Buffer {
  const answers = recordsOf(query, found);
  const code = responseCodes.noError;
  return buildResponse(query, { code, authoritative: true, answers }, transport);
}

function recordsOf(query: Query, found: OwnAnswer): DnsRecord[] {
  if (found.kind === 'empty') return [];
  const { name, type } = query.question;
  const { addresses, canonicalName } = found;
  const records = addresses.map(
    (address): DnsRecord => ({
      name: canonicalName ?? name,
      ttlSeconds,
      body: { type: type === recordTypes.A ? 'A' : 'AAAA', address },
    }),
  );
  if (canonicalName === undefined) return records;
  return [{ name, ttlSeconds, body: { type: 'CNAME', target: canonicalName } }, ...records];
}

function withCode({ query, transport }: Asked, code: ResponseCode): Buffer {
  return buildResponse(query, { code, authoritative: false, answers: [] }, transport);
}
