// Asks the API server whether a token is good, and whose (TokenReview). Answers are kept briefly:
// proxies ask for many certificates in a row.

import { createHash } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Caller, TokenVerifier } from '../caller.ts';
import type { ApiClient } from './api-client.ts';

/** The audience that the mesh's tokens are made for. */
export const tokenAudience = 'istio-ca';

const keptMs = 10_000;
const maxKept = 1000;
const maxTokenChars = 16_384;

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly audiences?: readonly string[];
    readonly user?: {
      readonly username?: string;
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

/** Verifies tokens by TokenReview. */
export class TokenReviewer implements TokenVerifier {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { caller: Promise<Caller>; untilMs: number }>();

  constructor(client: ApiClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async verify(token: string): Promise<Caller> {
    if (token.length > maxTokenChars) throw new AmbitError('AMB1631', 'the token is too long');
    const now = this.#clock.monotonic();
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#kept.get(key);
    if (known !== undefined && known.untilMs > now) return await known.caller;
    const caller = this.#review(token);
    this.#kept.set(key, { caller, untilMs: now + keptMs });
    this.#trim(now);
    try {
      return await caller;
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
  }

  async #review(token: string): Promise<Caller> {
    const review = (await this.#client.create('/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [tokenAudience] },
    })) as TokenReview;
    return callerOf(review);
  }

  #trim(now: number): void {
    for (const [key, { untilMs }] of this.#kept) {
      if (untilMs > now && this.#kept.size <= maxKept) break;
      this.#kept.delete(key);
    }
  }
}

/** Who a review says the token belongs to; throws AMB1631 when it is refused. */
export function callerOf(review: TokenReview): Caller {
  const { authenticated, error, audiences, user } = review.status ?? {};
  if (authenticated !== true) {
    throw new AmbitError(
      'AMB1631',
      `the API server refuses the token: ${error ?? 'no reason given'}`,
    );
  }
  // A server that knows of no audiences answers none, and would let a token for another service pass.
  if (audiences?.includes(tokenAudience) !== true) {
    throw new AmbitError('AMB1631', `the token is not for the audience ${tokenAudience}`);
  }
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user?.username ?? '');
  const [, namespace, serviceAccount] = match ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    throw new AmbitError('AMB1631', `"${user?.username ?? ''}" is no ServiceAccount`);
  }
  const extra = (name: string): string | undefined =>
    user?.extra?.[`authentication.kubernetes.io/${name}`]?.[0];
  const podName = extra('pod-name');
  const podUid = extra('pod-uid');
  const nodeName = extra('node-name');
  return {
    namespace,
    serviceAccount,
    ...(podName && { podName }),
    ...(podUid && { podUid }),
    ...(nodeName && { nodeName }),
  };
}
