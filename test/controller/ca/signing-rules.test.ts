// The rules by which requests are signed or refused (protocol sections 5.1, 5.2, 5.4 and 5.5).

import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { CertificateAuthority } from '../../../src/controller/ca/authority.ts';
import {
  lifetimeFor,
  SigningServer,
  type SigningServerParts,
} from '../../../src/controller/ca/signing-server.ts';
import { bearerToken } from '../../../src/controller/caller.ts';
import { callerOf } from '../../../src/controller/kubernetes/verify-token.ts';
import { createKeyAndRequest } from '../../../src/dataplane/certificates/key-and-request.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { AmbitError } from '../../../src/runtime/errors.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import type { SigningRequest, SigningResponse } from '../../../src/wire/certificates.ts';
import { suite } from '../../support/suite.ts';
import { identity } from '../../support/tunnels.ts';
import { belowOf, rootNamed } from './secrets.ts';

const test = suite('signing rules');
const lifetimes = { defaultMs: 86_400_000, maxMs: 90 * 86_400_000 };
const own = identity('web');

function server(changes: Partial<SigningServerParts> = {}): SigningServer {
  return new SigningServer({
    authority: new CertificateAuthority(belowOf(rootNamed('root'), 'middle'), 'test'),
    verifier: {
      verify: () => Promise.resolve({ namespace: 'default', serviceAccount: 'web' }),
    },
    pods: { pod: () => undefined, pods: () => [] },
    rules: { trustDomain: 'cluster.local', trustedNodeAccounts: new Set() },
    lifetimes,
    clock: systemClock,
    log: silentLogger,
    ...changes,
  });
}

async function ask(one: SigningServer, fields: Partial<SigningRequest> = {}, token = 'Bearer t') {
  const { csrPem } = await createKeyAndRequest(own);
  return await one.sign({ csrPem, validitySeconds: 0, ...fields }, token);
}

/** What a caller gets by gRPC. */
async function statusOf(one: SigningServer, request: SigningRequest, token?: string) {
  const call = {
    request,
    metadata: { get: () => (token === undefined ? [] : [token]) },
    getPeer: () => 'peer',
  };
  return await new Promise<{ code?: number; details?: string }>((resolve) => {
    one.handle(call as never, (error, answer?: SigningResponse | null) => {
      const { code, details = '' } = error ?? { details: String(answer?.certChain.length) };
      resolve({ details, ...(code !== undefined && { code }) });
    });
  });
}

test('gives the default where nothing is asked for, and refuses what is too long or too short', () => {
  assert.equal(
    [0, -5, 60, 3600, 90 * 86_400].map((seconds) => lifetimeFor(seconds, lifetimes) / 1000),
    [86_400, 86_400, 60, 3600, 90 * 86_400],
  );
  const coded = (seconds: number) => {
    try {
      return String(lifetimeFor(seconds, lifetimes));
    } catch (error) {
      return (error as AmbitError).message;
    }
  };
  assert.is(coded(90 * 86_400 + 1), 'AMB1635 7776001 s asked for, at most 7776000 s given');
  assert.is(coded(59), 'AMB1635 59 s asked for, at least 60 s given');
});

test('certificates begin two minutes before now and last for what was asked', async () => {
  const { certChain } = await ask(server(), { validitySeconds: 3600 });
  const leaf = new X509Certificate(certChain[0]!);
  const seconds = (Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)) / 1000;
  assert.is(seconds, 3720);
  const early = (Date.now() - Date.parse(leaf.validFrom)) / 1000;
  assert.ok(early >= 120 && early < 150, String(early));
  assert.equal([...(leaf.keyUsage ?? [])].toSorted(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
});

test('answers leaf, then one element for each intermediate, then the roots', async () => {
  const { certChain } = await ask(server());
  assert.equal(
    certChain.map((pem) => new X509Certificate(pem).issuer),
    ['O=middle', 'O=root', 'O=root'],
  );
  assert.ok(certChain.every((pem) => pem.endsWith('-----END CERTIFICATE-----\n')));
});

test('refuses with the statuses of the certificate service', async () => {
  const { csrPem } = await createKeyAndRequest(own);
  const request: SigningRequest = { csrPem, validitySeconds: 0 };
  const refusing = server({
    verifier: { verify: () => Promise.reject(new AmbitError('AMB1631', 'expired')) },
  });
  const away = server({
    verifier: { verify: () => Promise.reject(new AmbitError('AMB1622', 'no API server')) },
  });
  const other = `spiffe://cluster.local/ns/default/sa/other`;
  const asked = await Promise.all([
    statusOf(server(), request, 'Bearer t'),
    statusOf(server(), request),
    statusOf(refusing, request, 'Bearer t'),
    statusOf(server(), { ...request, impersonatedIdentity: other }, 'Bearer t'),
    statusOf(server(), { ...request, csrPem: 'x' }, 'Bearer t'),
    statusOf(server(), { ...request, validitySeconds: 10 ** 9 }, 'Bearer t'),
    statusOf(away, request, 'Bearer t'),
  ]);
  assert.equal(
    asked.map(({ code, details }) => [code, details?.slice(0, 7)]),
    [
      [undefined, '3'],
      [status.UNAUTHENTICATED, 'AMB1631'],
      [status.UNAUTHENTICATED, 'AMB1631'],
      [status.UNAUTHENTICATED, 'AMB1633'],
      [status.INVALID_ARGUMENT, 'AMB1634'],
      [status.INVALID_ARGUMENT, 'AMB1635'],
      [status.UNAVAILABLE, 'AMB1622'],
    ],
  );
});

test('refuses a request for another name than the caller proved', async () => {
  const { csrPem } = await createKeyAndRequest(identity('admin'));
  const error = await ask(server(), { csrPem }).catch((reason: unknown) => reason);
  assert.match(String(error), /AMB1634 it asks for .*sa\/admin, the caller for .*sa\/web/);
});

test('a token proves its ServiceAccount only for the audience of the mesh', () => {
  const user = { username: 'system:serviceaccount:default:web' };
  const review = (audiences?: readonly string[]) => ({
    status: { authenticated: true, user, ...(audiences && { audiences }) },
  });
  assert.equal(callerOf(review(['istio-ca', 'other'])), {
    namespace: 'default',
    serviceAccount: 'web',
  });
  assert.throws(() => callerOf(review(['other'])), /AMB1631/);
  assert.throws(() => callerOf(review()), /AMB1631 the token is not for the audience/);
  assert.throws(
    () => callerOf({ status: { authenticated: false, error: 'token has expired' } }),
    /AMB1631 .*expired/,
  );
});

test('reads bearer tokens, in any case of the word', () => {
  assert.equal(
    ['Bearer a.b', 'bearer a.b', 'Basic a.b', 'Bearer', 'Bearer a b', undefined].map(bearerToken),
    ['a.b', 'a.b', undefined, undefined, undefined, undefined],
  );
});

test.run();
