// Decoders of messages from other processes: what was written is read back, and any other bytes give a
// problem in words.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { decodeAddress, encodeAddress } from '../../src/wire/address.ts';
import { decodeAuthorization, encodeAuthorization } from '../../src/wire/authorization.ts';
import type { Result } from '../../src/wire/result.ts';
import { decodeServiceConfig, decodeWorkloadLabels } from '../../src/wire/waypoint-config.ts';
import {
  decodeZdsAck,
  decodeZdsHello,
  decodeZdsRequest,
  encodeZdsAck,
  encodeZdsHello,
  encodeZdsRequest,
} from '../../src/wire/zds.ts';
import { aName, anAddress, aPort, damaged } from '../support/generated.ts';
import { aPolicy, aService, aWorkload } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('bytes from other processes');

const ports = fc.array(
  fc.record({ servicePort: aPort, targetPort: aPort }, { noNullPrototype: true }),
  {
    maxLength: 3,
  },
);

const someWorkload: fc.Arbitrary<Workload> = fc
  .record({
    name: aName,
    namespace: aName,
    addresses: fc.uniqueArray(anAddress, { maxLength: 3 }),
    hostname: fc.oneof(fc.constant(''), aName),
    network: fc.oneof(fc.constant(''), aName),
    tunnelProtocol: fc.constantFrom<Workload['tunnelProtocol']>('none', 'hbone'),
    workloadType: fc.constantFrom<Workload['workloadType']>('deployment', 'cronjob', 'pod', 'job'),
    status: fc.constantFrom<Workload['status']>('healthy', 'unhealthy'),
    capacity: fc.integer({ min: 1, max: 1_000 }),
    services: fc
      .array(fc.tuple(aName, aName, ports), { maxLength: 3 })
      .map((list) => new Map(list.map(([ns, host, of]) => [`${ns}/${host}` as const, of]))),
  })
  .map(({ name, ...changes }) => aWorkload(name, changes));

const someService: fc.Arbitrary<Service> = fc
  .record({
    name: aName,
    namespace: aName,
    addresses: fc.array(
      fc.record({ network: aName, address: anAddress }, { noNullPrototype: true }),
      {
        maxLength: 3,
      },
    ),
    subjectAltNames: fc.array(aName, { maxLength: 2 }),
    canonical: fc.boolean(),
  })
  .map(({ name, ...changes }) => aService(name, changes));

const somePolicy = fc
  .tuple(aName, fc.constantFrom('allow', 'deny'), fc.array(aPort, { maxLength: 3 }), aName)
  .map(([name, action, destinationPorts, value]) =>
    aPolicy(name, action as 'allow' | 'deny', [
      { destinationPorts, principals: [{ kind: 'exact', value }] },
    ]),
  );

test('workloads, services and policies are read back as they were written', () => {
  fc.assert(
    fc.property(someWorkload, (workload) => {
      const read = decodeAddress(encodeAddress({ kind: 'workload', workload }));
      assert.equal(read, { kind: 'ok', value: { kind: 'workload', workload } });
    }),
  );
  fc.assert(
    fc.property(someService, (service) => {
      const read = decodeAddress(encodeAddress({ kind: 'service', service }));
      assert.equal(read, { kind: 'ok', value: { kind: 'service', service } });
    }),
  );
  fc.assert(
    fc.property(somePolicy, (policy) => {
      const read = decodeAuthorization(encodeAuthorization(policy));
      assert.equal(read, { kind: 'ok', value: policy });
    }),
  );
});

const bytesOf = {
  address: fc.oneof(
    someWorkload.map((workload) => encodeAddress({ kind: 'workload', workload })),
    someService.map((service) => encodeAddress({ kind: 'service', service })),
  ),
  policy: somePolicy.map(encodeAuthorization),
  zds: fc.oneof(
    fc.constant(encodeZdsHello()),
    fc.string().map(encodeZdsAck),
    aName.map((uid) => encodeZdsRequest({ kind: 'keep', uid })),
    fc
      .tuple(aName, aName)
      .map(([uid, name]) =>
        encodeZdsRequest({ kind: 'add', uid, name, namespace: name, serviceAccount: name }),
      ),
  ),
};

const decoders: readonly (readonly [
  string,
  fc.Arbitrary<Uint8Array>,
  (bytes: Uint8Array) => Result<unknown>,
])[] = [
  ['workloads and services', bytesOf.address, decodeAddress],
  ['policies', bytesOf.policy, decodeAuthorization],
  ['the node agent', bytesOf.zds, decodeZdsRequest],
  ["the node agent's answers", bytesOf.zds, decodeZdsAck],
  ["the node proxy's greeting", bytesOf.zds, decodeZdsHello],
  ["a waypoint's routes", bytesOf.address, decodeServiceConfig],
  ["a waypoint's labels", bytesOf.zds, decodeWorkloadLabels],
];

for (const [what, whole, decode] of decoders) {
  test(`damaged bytes of ${what} give a value or a problem in words`, () => {
    fc.assert(
      fc.property(damaged(whole), (bytes) => {
        const read = decode(bytes);
        if (read.kind === 'problem') assert.ok(read.problem.length > 3);
        else assert.is(read.kind, 'ok');
      }),
      { numRuns: 500 },
    );
  });
}

test.run();
