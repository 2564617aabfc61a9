// Who is calling: the admin's token, and ServiceAccount tokens (JWT, RFC 7519, signed with ES256) in the
// form that Kubernetes gives them.

import {
  createHash,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';

import type { Clock } from '../../../runtime/clock.ts';
import { isRecord, type JsonRecord, listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { ObjectTable } from '../storage/object-table.ts';
import type { ApiObject } from '../store.ts';

/** Audience of tokens that may call the API server, and the issuer of all tokens. */
export const defaultAudience = 'https://kubernetes.default.svc.cluster.local';

/** An authenticated caller, as TokenReview tells it. */
export interface Caller {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** What a token is made for. */
export interface TokenWish {
  readonly serviceAccount: ApiObject;
  /** The pod that the token is bound to: it dies with it. */
  readonly pod: ApiObject | undefined;
  readonly audiences: readonly string[];
  readonly seconds: number;
}

/** A token and when it ends. */
export interface IssuedToken {
  readonly token: string;
  /** RFC 3339. */
  readonly expirationTimestamp: string;
}

/** Issues and checks tokens. */
export class Tokens {
  readonly #table: ObjectTable;
  readonly #key: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #adminToken: string;
  readonly #clock: Clock;

  constructor(table: ObjectTable, key: KeyObject, adminToken: string, clock: Clock) {
    this.#table = table;
    this.#key = key;
    this.#publicKey = createPublicKey(key);
    this.#adminToken = adminToken;
    this.#clock = clock;
    const der = this.#publicKey.export({ type: 'spki', format: 'der' });
    this.#keyId = createHash('sha256').update(der).digest('base64url');
  }

  /** The public key as a JSON Web Key set (RFC 7517). */
  keySet(): { keys: object[] } {
    const key = this.#publicKey.export({ format: 'jwk' });
    return { keys: [{ ...key, use: 'sig', kid: this.#keyId, alg: 'ES256' }] };
  }

  /** Makes a ServiceAccount token. */
  issue(wish: TokenWish): IssuedToken {
    const { name, namespace = '', uid } = wish.serviceAccount.metadata;
    const now = Math.floor(this.#clock.now() / 1000);
    const exp = now + wish.seconds;
    const node = textAt(wish.pod?.spec, 'nodeName');
    const claims = {
      aud: wish.audiences.length === 0 ? [defaultAudience] : wish.audiences,
      exp,
      iat: now,
      nbf: now,
      iss: defaultAudience,
      sub: `system:serviceaccount:${namespace}:${name}`,
      'kubernetes.io': {
        namespace,
        ...(node === undefined ? {} : { node: { name: node } }),
        ...(wish.pod === undefined
          ? {}
          : { pod: { name: wish.pod.metadata.name, uid: wish.pod.metadata.uid } }),
        serviceaccount: { name, uid },
      },
    };
    const head = encode({ alg: 'ES256', kid: this.#keyId });
    const signed = `${head}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), {
      key: this.#key,
      dsaEncoding: 'ieee-p1363',
    });
    return {
      token: `${signed}.${signature.toString('base64url')}`,
      expirationTimestamp: new Date(exp * 1000).toISOString().replace('.000Z', 'Z'),
    };
  }

  /** The caller that a token proves for one of the audiences, and which of them it is for. */
  check(
    token: string,
    audiences: readonly string[] = [defaultAudience],
  ): { caller: Caller; audiences: string[] } | { problem: string } {
    if (sameText(token, this.#adminToken)) {
      return audiences.includes(defaultAudience)
        ? { caller: admin, audiences: [defaultAudience] }
        : { problem: 'the token is not for this audience' };
    }
    const claims = this.#verified(token);
    if (claims === undefined) return { problem: 'the token is not one of this API server' };
    const shared = listAt(claims, 'aud')
      .map(String)
      .filter((one) => audiences.includes(one));
    if (shared.length === 0) return { problem: 'the token is not for this audience' };
    if ((numberAt(claims, 'exp') ?? 0) * 1000 <= this.#clock.now()) {
      return { problem: 'the token has expired' };
    }
    const caller = this.#callerOf(claims);
    return 'problem' in caller ? caller : { caller, audiences: shared };
  }

  #verified(token: string): JsonRecord | undefined {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    const header = decode(head);
    if (rest.length > 0 || header?.['alg'] !== 'ES256') return undefined;
    const authentic = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: this.#publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    const claims = authentic ? decode(body) : undefined;
    return claims?.['iss'] === defaultAudience ? claims : undefined;
  }

  /** The ServiceAccount and the pod must still be those that the token was made for. */
  #callerOf(claims: JsonRecord): Caller | { problem: string } {
    const bound = recordAt(claims, 'kubernetes.io') ?? {};
    const namespace = textAt(bound, 'namespace') ?? '';
    const name = textAt(bound, 'serviceaccount', 'name') ?? '';
    const uid = textAt(bound, 'serviceaccount', 'uid') ?? '';
    const account = this.#table.get({ kind: 'serviceaccounts', namespace, name });
    if (account === undefined || account.metadata.uid !== uid) {
      return { problem: `the ServiceAccount ${namespace}/${name} of the token is gone` };
    }
    const extra: Record<string, string[]> = {};
    const podName = textAt(bound, 'pod', 'name');
    if (podName !== undefined) {
      const pod = this.#table.get({ kind: 'pods', namespace, name: podName });
      const podUid = textAt(bound, 'pod', 'uid') ?? '';
      if (pod === undefined || pod.metadata.uid !== podUid) {
        return { problem: `the pod ${namespace}/${podName} of the token is gone` };
      }
      extra['authentication.kubernetes.io/pod-name'] = [podName];
      extra['authentication.kubernetes.io/pod-uid'] = [podUid];
    }
    const node = textAt(bound, 'node', 'name');
    if (node !== undefined) extra['authentication.kubernetes.io/node-name'] = [node];
    return {
      username: `system:serviceaccount:${namespace}:${name}`,
      uid,
      groups: [
        'system:serviceaccounts',
        `system:serviceaccounts:${namespace}`,
        'system:authenticated',
      ],
      extra,
    };
  }
}

const admin: Caller = {
  username: 'ambit-admin',
  uid: '',
  groups: ['system:masters', 'system:authenticated'],
  extra: {},
};

/** Equality that takes the same time wherever the texts differ. */
function sameText(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): JsonRecord | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
