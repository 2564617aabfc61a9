import * as assert from 'uvu/assert';
import type { Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import {
  aliasesOfAddress,
  decodeAddress,
  encodeAddress,
  type MeshAddress,
  nameOfAddress,
} from '../../src/wire/address.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('address codec');

/** A field with a length: tag, length, content. Short ones only. */
function field(number: number, content: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(content);
  const tag = (number << 3) | 2;
  const head = tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7];
  const { length } = bytes;
  const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
  return Buffer.concat([Uint8Array.from([...head, ...size]), bytes]);
}

/** A field of up to 16,383 bytes. */
function longField(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  return Buffer.concat([Buffer.of((tag << 3) | 2, (length & 127) | 128, length >> 7), content]);
}

/** A number field below 128. */
function number(tag: number, value: number): Uint8Array {
  const key = tag << 3;
  return Uint8Array.from(key < 128 ? [key, value] : [(key & 127) | 128, key >> 7, value]);
}

const fullWorkload: Workload = aWorkload('reviews-v1', {
  addresses: [ipAddress('10.244.1.7'), ipAddress('fd00:10:244:1::7')],
  hostname: 'reviews.example',
  network: 'n1',
  trustDomain: 'mesh.example',
  waypoint: {
    destination: { kind: 'hostname', namespace: 'default', hostname: 'wp.default.svc' },
    hbonePort: 15_008,
  },
  networkGateway: {
    destination: { kind: 'address', network: 'n2', address: ipAddress('192.0.2.1') },
    hbonePort: 15_008,
  },
  canonicalRevision: 'v1',
  workloadType: 'deployment',
  nativeTunnel: true,
  authorizationPolicies: ['default/deny'],
  status: 'unhealthy',
  clusterId: 'c1',
  services: new Map([
    ['default/a.default.svc.cluster.local', [{ servicePort: 80, targetPort: 9080 }]],
    ['default/b.default.svc.cluster.local', []],
  ]),
  applicationTunnel: { protocol: 'proxy', port: 15_088 },
  locality: { region: 'r', zone: 'z', subzone: 's' },
  networkMode: 'host',
  capacity: 7,
});

const fullService: Service = aService('reviews', {
  addresses: [
    { network: '', address: ipAddress('10.96.0.9') },
    { network: 'n1', address: ipAddress('10.97.0.0'), length: 24 },
  ],
  ports: [
    { servicePort: 80, targetPort: 0, appProtocol: 'http11' },
    { servicePort: 9090, targetPort: 9091, appProtocol: 'tls' },
  ],
  subjectAltNames: ['spiffe://cluster.local/ns/default/sa/x'],
  waypoint: {
    destination: { kind: 'address', network: '', address: ipAddress('10.96.0.77') },
    hbonePort: 15_008,
  },
  weightedWaypoints: [
    {
      waypoint: {
        destination: { kind: 'hostname', namespace: 'default', hostname: 'canary' },
        hbonePort: 15_008,
      },
      weight: 20,
    },
  ],
  loadBalancing: {
    mode: 'failover',
    routingPreference: ['network', 'region', 'zone'],
    healthPolicy: 'allow-all',
  },
  ipFamilies: 'dual',
  canonical: false,
  ingressUseWaypoint: true,
  visibility: 'namespace',
});

for (const [what, value] of Object.entries<MeshAddress>({
  'a workload with every field': { kind: 'workload', workload: fullWorkload },
  'a plain workload': { kind: 'workload', workload: aWorkload('plain') },
  'a service with every field': { kind: 'service', service: fullService },
  'a plain service': { kind: 'service', service: aService('plain') },
})) {
  test(`brings ${what} back as it was`, () => {
    assert.equal(decodeAddress(encodeAddress(value)), { kind: 'ok', value });
  });
}

test('gives equal bytes for equal values, whatever the order of services', () => {
  const reversed = new Map([...fullWorkload.services].toReversed());
  assert.equal(
    encodeAddress({ kind: 'workload', workload: { ...fullWorkload, services: reversed } }),
    encodeAddress({ kind: 'workload', workload: fullWorkload }),
  );
});

test('reads a workload by its recorded field numbers, with the defaults left off the wire', () => {
  const ports = field(1, Buffer.concat([number(1, 80), number(2, 90)]));
  const entry = Buffer.concat([field(1, 'default/a.svc'), field(2, ports)]);
  const workload = Buffer.concat([
    field(1, 'pod-1'),
    field(2, 'default'),
    field(3, Uint8Array.of(10, 0, 0, 1)),
    number(5, 1),
    field(9, 'node1'),
    field(10, 'app'),
    field(16, 'default/strict'),
    field(20, 'Kubernetes//Pod/default/pod-1'),
    field(22, entry),
    field(27, number(1, 3)),
  ]);
  const result = decodeAddress(field(1, workload));
  assert.is(result.kind, 'ok');
  if (result.kind !== 'ok' || result.value.kind !== 'workload') return;
  const { workload: read } = result.value;
  assert.is(read.uid, 'Kubernetes//Pod/default/pod-1');
  assert.equal(read.addresses, ['10.0.0.1']);
  assert.is(read.tunnelProtocol, 'hbone');
  assert.is(read.trustDomain, 'cluster.local');
  assert.is(read.serviceAccount, 'default');
  assert.is(read.clusterId, 'Kubernetes');
  assert.is(read.capacity, 3);
  assert.equal([...read.services], [['default/a.svc', [{ servicePort: 80, targetPort: 90 }]]]);
});

test('reads a service by its recorded field numbers', () => {
  const waypoint = Buffer.concat([
    field(1, Buffer.concat([field(1, 'default'), field(2, 'wp')])),
    Uint8Array.of(0x18, 0xa0, 0x75),
  ]);
  const service = Buffer.concat([
    field(1, 'echo'),
    field(2, 'default'),
    field(3, 'echo.svc'),
    field(4, field(2, Uint8Array.of(10, 96, 0, 1))),
    field(5, Buffer.concat([number(1, 80), number(2, 8)])),
    field(7, waypoint),
    field(8, Buffer.concat([field(1, Uint8Array.of(4)), number(2, 1)])),
    number(11, 1),
  ]);
  const result = decodeAddress(field(2, service));
  assert.is(result.kind, 'ok');
  if (result.kind !== 'ok' || result.value.kind !== 'service') return;
  const { service: read } = result.value;
  assert.is(read.hostname, 'echo.svc');
  assert.equal(read.addresses, [{ network: '', address: '10.96.0.1' }]);
  assert.is(read.waypoint?.hbonePort, 15_008);
  assert.equal(read.loadBalancing?.routingPreference, ['node']);
  assert.is(read.loadBalancing?.mode, 'strict');
  assert.is(read.canonical, true);
});

test('names what it rejects instead of throwing', () => {
  const pod = field(20, 'uid');
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(), /neither a workload nor a service/],
    [Uint8Array.of(0x0a, 0x7f), /not a readable istio.workload.Address/],
    [Uint8Array.of(0xff), /not a readable/],
    [field(1, field(1, 'x')), /uid is empty/],
    [field(1, Buffer.concat([pod, field(3, Uint8Array.of(1, 2, 3))])), /3 bytes, not 4 or 16/],
    [field(1, Buffer.concat([pod, number(5, 2)])), /LEGACY_ISTIO_MTLS/],
    [field(1, Buffer.concat([pod, number(5, 9)])), /tunnel_protocol has the unknown value 9/],
    [field(1, Buffer.concat([pod, field(8, '')])), /waypoint has no destination/],
    [field(1, Buffer.concat([pod, field(22, field(1, 'noslash'))])), /not NAMESPACE\/HOSTNAME/],
    [field(2, field(1, 'x')), /namespace or hostname is empty/],
    [
      field(2, Buffer.concat([field(2, 'a'), field(3, 'b'), field(8, field(1, Uint8Array.of(0)))])),
      /routing_preference has the unknown value 0/,
    ],
  ];
  for (const [bytes, expected] of cases) {
    const result = decodeAddress(bytes);
    assert.is(result.kind, 'problem');
    if (result.kind === 'problem') assert.match(result.problem, expected);
  }
});

test('reads an unknown visibility as public and ignores unknown fields', () => {
  const service = Buffer.concat([
    field(2, 'a'),
    field(3, 'b'),
    Uint8Array.of(0x70, 9),
    field(60, 'future'),
  ]);
  const result = decodeAddress(field(2, service));
  assert.is(result.kind, 'ok');
  if (result.kind === 'ok' && result.value.kind === 'service') {
    assert.is(result.value.service.visibility, 'public');
  }
});

test('tells our own proxy, by an extension, to deny what is not registered', () => {
  const workload = { ...fullWorkload, outboundPolicy: 'registry-only' } as const;
  const bytes = encodeAddress({ kind: 'workload', workload });
  const result = decodeAddress(bytes);
  assert.equal(result.kind === 'ok' && result.value, { kind: 'workload', workload });
});

test('tells our own proxy, by an extension, which waypoint is gone around', () => {
  const bypassedWaypoint = 'default/waypoint';
  for (const value of [
    { kind: 'workload', workload: { ...fullWorkload, bypassedWaypoint } },
    { kind: 'service', service: { ...aService('echo'), bypassedWaypoint } },
  ] as const) {
    const result = decodeAddress(encodeAddress(value));
    assert.equal(result.kind === 'ok' && result.value, value);
  }
});

test('skips extensions of others, and rejects a value of ours that it does not know', () => {
  const plain = encodeAddress({ kind: 'workload', workload: aWorkload('x') }).subarray(2);
  const extended = (name: string, word: string) => {
    const value = Buffer.concat([field(1, word)]);
    const type = 'type.googleapis.com/google.protobuf.StringValue';
    const config = Buffer.concat([field(1, type), field(2, value)]);
    const body = Buffer.concat([
      plain,
      field(26, Buffer.concat([field(1, name), field(2, config)])),
    ]);
    return decodeAddress(longField(1, body));
  };
  assert.is(extended('example.com/x', 'y').kind, 'ok');
  const other = extended('ambit.io/outbound-traffic-policy', 'SOMETHING_NEW');
  assert.match(other.kind === 'problem' ? other.problem : '', /SOMETHING_NEW/);
});

test('survives any bytes cut or changed', () => {
  const bytes = encodeAddress({ kind: 'workload', workload: fullWorkload });
  for (let index = 0; index < bytes.length; index++) {
    decodeAddress(bytes.subarray(0, index));
    const changed = Uint8Array.from(bytes);
    changed[index] = (changed[index]! + 97) & 255;
    const result = decodeAddress(changed);
    assert.ok(result.kind === 'ok' || result.problem !== '');
  }
});

test('names resources and their aliases', () => {
  const workload = { kind: 'workload', workload: fullWorkload } as const;
  const service = { kind: 'service', service: fullService } as const;
  assert.is(nameOfAddress(workload), 'Kubernetes//Pod/default/reviews-v1');
  assert.equal(aliasesOfAddress(workload), ['n1/10.244.1.7', 'n1/fd00:10:244:1::7']);
  assert.is(nameOfAddress(service), 'default/reviews.default.svc.cluster.local');
  assert.equal(aliasesOfAddress(service), ['/10.96.0.9', 'n1/10.97.0.0/24']);
});

test.run();
