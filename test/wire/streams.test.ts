import * as assert from 'uvu/assert';
import {
  certificateService,
  decodeSigningRequest,
  decodeSigningResponse,
  encodeSigningRequest,
  encodeSigningResponse,
} from '../../src/wire/certificates.ts';
import {
  aggregatedDiscoveryService,
  type DeltaRequest,
  type DeltaResponse,
  decodeDeltaRequest,
  decodeDeltaResponse,
  encodeDeltaRequest,
  encodeDeltaResponse,
  typeUrls,
} from '../../src/wire/xds.ts';
import {
  decodeZdsAck,
  decodeZdsHello,
  decodeZdsRequest,
  encodeZdsAck,
  encodeZdsHello,
  encodeZdsRequest,
  maxZdsPacketBytes,
  type ZdsRequest,
} from '../../src/wire/zds.ts';
import { suite } from '../support/suite.ts';

const test = suite('stream messages');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('brings discovery requests back as they were', () => {
  const requests: readonly DeltaRequest[] = [
    {
      node: { id: 'ztunnel~1.1.1.1~z.istio-system~x', metadata: { NODE_NAME: 'node1' } },
      typeUrl: typeUrls.address,
      subscribe: ['*'],
      unsubscribe: ['a'],
      initialVersions: new Map([['default/a', 'v1']]),
      responseNonce: '',
    },
    {
      typeUrl: typeUrls.authorization,
      subscribe: [],
      unsubscribe: [],
      initialVersions: new Map(),
      responseNonce: 'n1',
      error: 'default/a: not readable',
    },
  ];
  for (const request of requests) {
    assert.equal(decodeDeltaRequest(encodeDeltaRequest(request)), request);
  }
});

test('brings discovery responses back as they were, by the recorded field numbers', () => {
  const response: DeltaResponse = {
    systemVersion: 'abc',
    typeUrl: 't',
    nonce: 'n',
    resources: [{ name: 'r', version: 'v', aliases: ['l'], bytes: Uint8Array.of(1, 2) }],
    removed: ['gone'],
  };
  const decoded = decodeDeltaResponse(encodeDeltaResponse(response));
  const resources = decoded.resources.map((one) => ({ ...one, bytes: Uint8Array.from(one.bytes) }));
  assert.equal({ ...decoded, resources }, response);
  assert.is(
    hex(encodeDeltaResponse(response)),
    '0a03616263' + // system_version_info(1)
      '12120a01761207' + // resources(2): version(1), resource(2)
      '0a01741202' +
      '0102' + // Any: type_url(1), value(2)
      '1a01722201' +
      '6c' + // name(3), aliases(4)
      '220174' + // type_url(4)
      '2a016e' + // nonce(5)
      '3204676f6e65', // removed_resources(6)
  );
});

test('calls the methods that Istio calls', () => {
  assert.is(
    aggregatedDiscoveryService.DeltaAggregatedResources.path,
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  );
  assert.is(
    certificateService.CreateCertificate.path,
    '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  );
});

test('brings signing requests and answers back as they were', () => {
  const own = { csrPem: 'pem', validitySeconds: 86_400 };
  for (const request of [own, { ...own, impersonatedIdentity: 'spiffe://d/ns/n/sa/s' }]) {
    assert.equal(decodeSigningRequest(encodeSigningRequest(request)), request);
  }
  const response = { certChain: ['leaf', 'roots'] };
  assert.equal(decodeSigningResponse(encodeSigningResponse(response)), response);
  assert.is(hex(encodeSigningRequest(own)), '0a0370656d1880a305');
});

test('brings the node agent messages back as they were, by the recorded field numbers', () => {
  const requests: readonly (readonly [ZdsRequest, string])[] = [
    [
      { kind: 'add', uid: 'u', name: 'n', namespace: 's', serviceAccount: 'a' },
      '0a0e0a017512090a016e1201731a0161',
    ],
    [{ kind: 'del', uid: 'u' }, '1203120175'],
    [{ kind: 'snapshot-sent' }, '1a00'],
    [{ kind: 'keep', uid: 'u' }, '2a030a0175'],
  ];
  for (const [request, bytes] of requests) {
    assert.is(hex(encodeZdsRequest(request)), bytes);
    assert.equal(decodeZdsRequest(encodeZdsRequest(request)), { kind: 'ok', value: request });
  }
  assert.is(hex(encodeZdsHello()), '0801');
  assert.equal(decodeZdsHello(encodeZdsHello()), { kind: 'ok', value: 1 });
  assert.equal(decodeZdsAck(encodeZdsAck()), { kind: 'ok', value: { error: '' } });
  assert.equal(decodeZdsAck(encodeZdsAck('no')), { kind: 'ok', value: { error: 'no' } });
});

test('keeps refusals within a packet', () => {
  assert.ok(encodeZdsAck('x'.repeat(10_000)).length <= maxZdsPacketBytes);
});

test('names what the node agent sent wrong', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /unknown kind/],
    ['0a030a0175', /no workload_info/],
    ['1200', /uid is empty/],
    ['ff', /not a readable WorkloadRequest/],
  ];
  for (const [bytes, expected] of cases) {
    const result = decodeZdsRequest(Buffer.from(bytes, 'hex'));
    assert.is(result.kind, 'problem');
    if (result.kind === 'problem') assert.match(result.problem, expected);
  }
  assert.is(decodeZdsHello(Buffer.from('0802', 'hex')).kind, 'problem');
  assert.is(decodeZdsAck(Buffer.from('', 'hex')).kind, 'problem');
});

test.run();
