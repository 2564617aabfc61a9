// What a peer may write into a tunnel request: whatever it is, there is a plan or a refusal with a code.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { formatEndpoint, parseCidr, parseIp, splitHostPort } from '../../src/mesh/address.ts';
import { isCode } from '../../src/mesh/catalogue.ts';
import {
  forwardedHeader,
  forwardedHost,
  parseDecisionNote,
  traceIdOf,
  traceparentHeader,
} from '../../src/mesh/hop-headers.ts';
import { parseIdentity } from '../../src/mesh/identity.ts';
import { planInbound } from '../../src/mesh/plan-inbound.ts';
import { aName, anEndpoint, anIdentity, damaged } from '../support/generated.ts';
import { stateOf } from '../support/mesh-state.ts';
import { aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('headers of peers');

/** Texts that are nearly what is expected. */
const aText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(':', '[', ']', '.', '10.0.0.2', '::1', '80', '65536', '-1', ' ', '%0', '0'),
      {
        maxLength: 8,
      },
    )
    .map((parts) => parts.join('')),
);

test('an address and port is read back', () => {
  fc.assert(
    fc.property(anEndpoint, (endpoint) => {
      const split = splitHostPort(formatEndpoint(endpoint));
      assert.equal(split, { host: endpoint.address, port: endpoint.port });
      assert.is(parseIp(split?.host ?? ''), endpoint.address);
      assert.is(parseCidr(endpoint.address)?.address, endpoint.address);
    }),
  );
});

test('any authority is delivered to the pod itself or refused with a code', () => {
  const local = { address: ipAddress('10.0.0.2'), port: 15_008 };
  const pod = aWorkload('pod', { addresses: [local.address] });
  const tunnels = [undefined, { protocol: 'proxy', port: 15_088 } as const];
  const view = stateOf([pod], []);
  fc.assert(
    fc.property(aText, fc.constantFrom(...tunnels), (authority, applicationTunnel) => {
      const workload = { ...pod, ...(applicationTunnel && { applicationTunnel }) };
      const plan = planInbound(view, { authority, local, workload, network: '' });
      if (plan.kind === 'deliver') assert.is(plan.destination.address, local.address);
      else assert.ok(isCode(plan.code) && [400, 503].includes(plan.status));
      if (plan.kind === 'refuse') assert.ok(plan.reason.length < 400, 'the reason is bounded');
    }),
    { numRuns: 1_000 },
  );
});

test('the service in `forwarded` is read back', () => {
  fc.assert(
    fc.property(anEndpoint, aName, (source, host) => {
      assert.is(forwardedHost(forwardedHeader(source, host)), host);
      assert.is(forwardedHost(forwardedHeader(source)), undefined);
    }),
  );
});

test('the trace is read back', () => {
  const hex = (length: number) =>
    fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((b) => Buffer.from(b).toString('hex'));
  fc.assert(
    fc.property(hex(16), hex(8), (trace, span) => {
      const header = traceparentHeader(trace, span);
      assert.is(header.length, 55);
      assert.is(traceIdOf(header), trace);
    }),
  );
});

test('any header value gives what it means or nothing', () => {
  const whole = fc.tuple(anEndpoint, aName).map(([source, host]) => forwardedHeader(source, host));
  const cut = damaged(whole.map((text) => Uint8Array.from(Buffer.from(text, 'latin1')))).map(
    (bytes) => Buffer.from(bytes).toString('latin1'),
  );
  fc.assert(
    fc.property(fc.oneof(aText, cut), (value) => {
      const host = forwardedHost(value);
      if (host !== undefined) assert.not.match(host, /[;,"\s]/);
      const trace = traceIdOf(value);
      if (trace !== undefined) assert.is(trace.length, 32);
      const note = parseDecisionNote(value);
      if (note !== undefined) assert.ok(isCode(note.code));
      const identity = parseIdentity(value);
      if (identity !== undefined) assert.match(identity, /^spiffe:\/\//);
    }),
    { numRuns: 1_000 },
  );
});

test('an identity is read back, and one of more than 2,048 characters is none', () => {
  fc.assert(fc.property(anIdentity, (one) => assert.is(parseIdentity(one), one)));
  assert.is(parseIdentity(`spiffe://td/ns/${'n'.repeat(2_048)}/sa/a`), undefined);
});

test('long values are read in time that grows with their length only', () => {
  const long = ['; '.repeat(40_000), `host=${' '.repeat(80_000)}`, ':'.repeat(80_000)];
  for (const value of long) {
    assert.is(forwardedHost(value), undefined);
    assert.is(splitHostPort(value), undefined);
  }
});

test.run();
