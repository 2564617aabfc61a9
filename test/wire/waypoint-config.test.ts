import * as assert from 'uvu/assert';
import type { ServiceConfig } from '../../src/mesh/route.ts';
import {
  decodeCredential,
  decodeServiceConfig,
  decodeWorkloadLabels,
  encodeCredential,
  encodeServiceConfig,
  encodeWorkloadLabels,
} from '../../src/wire/waypoint-config.ts';
import { suite } from '../support/suite.ts';

const test = suite('waypoint configuration bytes');

const everyOutlierField = {
  consecutive5xxErrors: 0,
  consecutiveGatewayErrors: 5,
  splitExternalLocalOriginErrors: true,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
};

const everything: ServiceConfig = {
  service: 'default/reviews.default.svc.cluster.local',
  routes: [
    {
      origin: 'VirtualService default/reviews http[0]',
      name: 'jason',
      matches: [
        {
          uri: { pathPrefix: '/a' },
          ignoreUriCase: false,
          scheme: { exact: '' },
          method: { regex: 'GET|POST' },
          authority: { prefix: 'x' },
          headers: [{ name: 'end-user', match: { exact: 'jason' }, invert: false }],
          queryParams: [{ name: 'q', match: { present: true } }],
          port: 0,
          sourceLabels: { app: 'productpage' },
          sourceNamespace: 'default',
          name: 'first',
        },
        {},
      ],
      backends: [
        {
          service: 'default/reviews.default.svc.cluster.local',
          subset: 'v2',
          port: 9080,
          weight: 0,
          requestHeaders: { set: { a: 'b' }, add: { c: '' }, remove: ['d'] },
          responseHeaders: {},
          rewrite: { authority: 'only' },
          mirrors: [{ service: 'default/a', percent: 0.5 }],
        },
        { service: 'default/b', weight: 1, redirect: { status: 302, port: 443 } },
        { service: 'default/c', weight: 1, unresolved: 'no service is called c' },
        {
          service: 'default/d',
          weight: 1,
        },
      ],
      rewrite: {
        uri: '/',
        authority: 'x',
        uriRegexRewrite: { match: '^/(.*)$', rewrite: '/v/\\1' },
      },
      fault: {
        delay: { percent: 0, fixedDelayMs: 7000 },
        abort: { percent: 0.5, httpStatus: 200, grpcStatus: 0 },
      },
      timeoutMs: 0,
      retries: {
        attempts: 0,
        perTryTimeoutMs: 1,
        retryOn: '',
        backoffMs: 25,
        mayRepeatHosts: true,
        remoteLocalities: true,
      },
      requestHeaders: { remove: ['x'] },
      responseHeaders: { add: { y: 'z' } },
      mirrors: [{ service: 'default/a', subset: 'v1', port: 1, percent: 100 }],
      cors: {
        allowOrigins: [{ exact: '*' }, { regex: 'a' }],
        allowMethods: ['GET'],
        allowHeaders: ['x-a'],
        exposeHeaders: ['x-b'],
        maxAgeSeconds: 0,
        allowCredentials: true,
        ignoreUnmatchedPreflights: true,
      },
    },
    {
      origin: 'closed to all origins',
      matches: [],
      directResponse: { status: 200 },
      cors: { allowOrigins: [] },
      sessionPersistence: {
        name: 's',
        inHeader: true,
        permanent: true,
        absoluteTimeoutMs: 86_400_000,
        idleTimeoutMs: 1,
      },
    },
    {
      origin: 'r',
      matches: [],
      redirect: { prefixRewrite: '/x', keepRequestPort: true, status: 308 },
    },
    { origin: 'd', matches: [], directResponse: { status: 200, body: '' } },
  ],
  destination: {
    origin: 'DestinationRule default/reviews',
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      {
        name: 'all',
        labels: {},
        policy: {},
        ports: [{ port: 80, policy: { outlierDetection: everyOutlierField } }],
      },
    ],
    policy: {
      loadBalancer: {
        simple: 'ROUND_ROBIN',
        locality: {
          distribute: [{ from: 'r1/*', to: { 'r1/z1/*': 70, 'r1/z2/*': 30 } }],
          failover: [{ from: 'r1', to: 'r2' }],
          failoverPriority: ['topology.kubernetes.io/region'],
        },
        ignoresPlace: true,
        warmup: { durationMs: 60_000, minimumPercent: 10, aggression: 1.5 },
      },
      connectionPool: {
        maxConnections: 1,
        connectTimeoutMs: 10_000,
        keepalive: { probes: 3, timeMs: 7_200_000, intervalMs: 75_000 },
        maxConnectionDurationMs: 5_000_000_000,
        tcpIdleTimeoutMs: 0,
        http1MaxPendingRequests: 1,
        http2MaxRequests: 1,
        maxRequestsPerConnection: 1,
        maxRetries: 1,
        httpIdleTimeoutMs: 0,
        upgradeToHttp2: false,
        useClientProtocol: true,
        maxConcurrentStreams: 100,
        http2KeepAlive: { intervalMs: 1000, timeoutMs: 500 },
      },
      outlierDetection: everyOutlierField,
      tls: {
        mode: 'DISABLE',
        clientCertificate: '/c',
        privateKey: '/k',
        caCertificates: '/a',
        caCrl: '/r',
        credentialName: 'configmap://ca',
        subjectAltNames: ['example.com'],
        sni: 'example.com',
        insecureSkipVerify: false,
      },
      tunnel: { protocol: 'POST', targetHost: 'proxy.example', targetPort: 3128 },
      proxyProtocol: 'V2',
      retryBudget: { percent: 20, minConcurrency: 0 },
    },
    ports: [
      {
        port: 443,
        policy: {
          loadBalancer: {
            consistentHash: {
              cookie: { name: 'c', path: '/', ttlMs: 0, attributes: [{ name: 'a', value: 'b' }] },
              maglevTableSize: 65_537,
            },
          },
        },
      },
      {
        port: 444,
        policy: {
          loadBalancer: {
            consistentHash: {
              header: 'h',
              sourceAddress: true,
              queryParameter: 'q',
              minimumRingSize: 1024,
            },
          },
        },
      },
    ],
  },
  connectionRoutes: [
    {
      origin: 'TCPRoute default/tcp rules[0]',
      matches: [
        {
          sniHosts: ['*.example'],
          destinationSubnets: ['10.0.0.0/8'],
          port: 80,
          sourceLabels: { app: 'a' },
          sourceNamespace: 'default',
        },
      ],
      backends: [{ service: 'default/a', weight: 1 }],
    },
    { origin: 'of nothing', matches: [], backends: [] },
  ],
  policies: [
    { namespace: 'default', name: 'nothing', action: 'ALLOW', rules: [] },
    {
      namespace: 'default',
      name: 'some',
      action: 'DENY',
      dryRun: true,
      rules: [
        {},
        {
          from: [
            {
              principals: ['*'],
              notNamespaces: ['a'],
              serviceAccounts: ['a/b'],
              ipBlocks: ['::/0'],
            },
            {},
          ],
          to: [{ hosts: ['*.x'], ports: ['80'], notMethods: ['GET'], paths: ['/{*}/b'] }],
          when: [{ key: 'request.headers[x]', values: ['a'], notValues: ['b'] }],
        },
      ],
    },
  ],
};

const least: ServiceConfig = { service: 'a/b', routes: [], policies: [] };

for (const config of [everything, least]) {
  test(`gives back exactly what was encoded, with ${config.routes.length} routes`, () => {
    assert.equal(decodeServiceConfig(encodeServiceConfig(config)), { kind: 'ok', value: config });
  });
}

test('gives back labels, also when there are none', () => {
  for (const value of [
    { uid: 'c//Pod/a/b', labels: { app: 'x', empty: '' } },
    { uid: 'u', labels: {} },
  ]) {
    assert.equal(decodeWorkloadLabels(encodeWorkloadLabels(value)), { kind: 'ok', value });
  }
});

test('names what is wrong with bytes that are no configuration', () => {
  const truncated = decodeServiceConfig(encodeServiceConfig(everything).subarray(0, 20));
  assert.is(truncated.kind, 'problem');
  const nameless = decodeServiceConfig(new Uint8Array());
  assert.is(nameless.kind === 'problem' && nameless.problem.includes('service'), true);
  const noResult = decodeServiceConfig(
    encodeServiceConfig({ ...least, routes: [{ origin: 'x', matches: [] }] }),
  );
  assert.is(noResult.kind === 'problem' && noResult.problem.includes('routes[0]'), true);
});

test('refuses to encode a field that the message does not have', () => {
  const wrong = { ...least, speed: 1 } as ServiceConfig;
  assert.throws(() => encodeServiceConfig(wrong));
});

test('a credential comes back as it went, and one without a name is refused', () => {
  const credential = { name: 'out', certificateChain: 'c', privateKey: 'k', authorities: 'a' };
  assert.equal(decodeCredential(encodeCredential(credential)), { kind: 'ok', value: credential });
  assert.is(decodeCredential(new Uint8Array()).kind, 'problem');
});

test.run();
