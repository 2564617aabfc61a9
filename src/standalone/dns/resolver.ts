// From the bytes of a query to the bytes of its answer: the cluster's names from the service table, all
// others from the machine's name servers.

import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import {
  buildError,
  buildResponse,
  type DnsRecord,
  encodeQuery,
  parseQuery,
  type Query,
  type Response,
  responseCodes,
} from '../../wire/dns/message.ts';
import { formatName, type Labels } from '../../wire/dns/name.ts';
import { readAnswers } from '../../wire/dns/read-answers.ts';
import type { Services } from '../network/services/service-table.ts';
import { answerFromCluster } from './cluster-zone.ts';
import type { Upstream } from './upstream.ts';

export interface ResolverOptions {
  readonly services: Services;
  readonly upstream: Upstream;
  readonly log: Logger;
  /** Answers numbers in [0, 1). */
  readonly random?: () => number;
}

/** An alias of an alias, and so on, ends here. */
const maxAliases = 8;

/** Answers queries. */
export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** The answer to a message; undefined when it deserves none. Rejects only when `signal` fires. */
  async answer(
    bytes: Buffer,
    transport: 'udp' | 'tcp',
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const parsed = parseQuery(bytes);
    if (parsed.kind === 'ignore' || parsed.kind === 'response') return undefined;
    if (parsed.kind === 'bad') return buildError(parsed.id, parsed.code);
    const { query } = parsed;
    try {
      const response = await this.#resolve(query, signal);
      if (response === 'outside') {
        const { upstream } = this.#options;
        return await upstream.ask(bytes, query.questionBytes, transport, signal);
      }
      return buildResponse(query, response, transport);
    } catch (error) {
      signal.throwIfAborted();
      this.#logFailure(query, error);
      return buildResponse(query, failureOf(query), transport);
    }
  }

  async #resolve(query: Query, signal: AbortSignal): Promise<Response | 'outside'> {
    const aliases: DnsRecord[] = [];
    let name = query.question.name;
    for (let count = 0; count <= maxAliases; count++) {
      const question = { name, type: query.question.type };
      const found = answerFromCluster(question, this.#options.services, this.#shuffle);
      switch (found.kind) {
        case 'response':
          return { ...found.response, answers: [...aliases, ...found.response.answers] };
        case 'outside':
          return aliases.length === 0
            ? 'outside'
            : await this.#follow(query, aliases, name, signal);
        case 'alias':
          aliases.push(found.record);
          name = found.target;
      }
    }
    throw new Error(`more than ${maxAliases} aliases`);
  }

  /** An alias that leads out of the cluster, with the records of its target. */
  async #follow(
    query: Query,
    aliases: readonly DnsRecord[],
    target: Labels,
    signal: AbortSignal,
  ): Promise<Response> {
    const { bytes, questionBytes } = encodeQuery({ name: target, type: query.question.type });
    const answer = await this.#options.upstream.ask(bytes, questionBytes, 'udp', signal);
    const read = readAnswers(answer);
    if (read === undefined) throw new Error('the answer for the alias is malformed');
    const code =
      read.code === responseCodes.noError || read.code === responseCodes.nameError
        ? read.code
        : responseCodes.serverFailure;
    return { code, authoritative: false, answers: [...aliases, ...read.records] };
  }

  readonly #shuffle = <T>(items: readonly T[]): T[] => {
    const random = this.#options.random ?? Math.random;
    const keyed = items.map((item) => ({ item, key: random() }));
    return keyed.toSorted((left, right) => left.key - right.key).map(({ item }) => item);
  };

  #logFailure(query: Query, cause: unknown): void {
    const name = formatName(query.question.name);
    const error = new AmbitError('AMB1156', `${name} could not be resolved`, { cause });
    this.#options.log.warn(
      { code: error.code, name, error: causeChain(error), remedy: error.remedy },
      'a name could not be resolved',
    );
  }
}

/** A name without a dot is what a misspelt service looks like once the search list is through. There are
 * none in the public DNS, so when nobody can be asked the truth is "no such name". */
function failureOf({ question }: Query): Response {
  const dotless = question.name.length <= 1;
  const code = dotless ? responseCodes.nameError : responseCodes.serverFailure;
  return { code, authoritative: false, answers: [] };
}
