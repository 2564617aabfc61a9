import { once } from 'node:events';
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
} from 'node:http';
import * as assert from 'uvu/assert';
import type { ByteStream } from '../../src/dataplane/byte-stream.ts';
import type { WorkloadCertificate } from '../../src/dataplane/certificates/workload-certificate.ts';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import type { IpAddress } from '../../src/mesh/address.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import type { Identity } from '../../src/mesh/identity.ts';
import type { ServiceConfig } from '../../src/mesh/route.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { atOnce, turnsOf } from '../../src/runtime/turns.ts';
import { Waypoint } from '../../src/waypoint/waypoint.ts';
import { encodeAddress, type MeshAddress, nameOfAddress } from '../../src/wire/address.ts';
import { scanDeltaResponse } from '../../src/wire/scan-discovery.ts';
import { encodeServiceConfig, encodeWorkloadLabels } from '../../src/wire/waypoint-config.ts';
import { encodeDeltaResponse, typeUrls } from '../../src/wire/xds.ts';
import { rootNamed } from '../controller/ca/secrets.ts';
import { TestAuthority } from '../support/certificates.ts';
import { fileOf, issueTo, revocationList } from '../support/revocation-lists.ts';
import { suite } from '../support/suite.ts';
import { identity, readAll, startPool, targetAt } from '../support/tunnels.ts';
import {
  ask,
  readAnswer,
  serviceOf,
  servicePort,
  startApp,
  virtualAddress,
  workloadAt,
} from './fixture.ts';

const test = suite('a waypoint');

const reviews = serviceOf('reviews');
const service = keyOfService(reviews);

/** A whole waypoint that is told of one service with one endpoint, by the bytes a controller sends. */
async function start(
  stack: AsyncDisposableStack,
  authority: Pick<TestAuthority, 'issue'> = new TestAuthority(),
  serve: RequestListener = (_request, response) => response.end('hello'),
) {
  const registry = createRegistry();
  const own = identity('waypoint');
  const waypoint = new Waypoint({
    hostLookup: { nameServers: () => Promise.resolve([]), ipv6: false },
    namespace: 'default',
    gateway: 'waypoint',
    clusterDomain: 'cluster.local',
    identity: own,
    network: '',
    address: '127.0.0.9' as IpAddress,
    certificateSource: (wanted) => authority.issue(wanted),
    configVersion: () => 'c0ffee',
    registry,
    clock: systemClock,
    log: silentLogger,
  });
  stack.use(waypoint);
  const port = await waypoint.listen(0);
  const app = await startApp(stack, serve);
  const pod = workloadAt('reviews-v1', {
    tunnelProtocol: 'none',
    addresses: ['127.0.0.1' as IpAddress],
    services: new Map([[service, [{ servicePort, targetPort: app.port }]]]),
  });
  const kinds = new Map(waypoint.kinds().map((kind) => [kind.typeUrl, kind]));
  const receive = async (
    typeUrl: string,
    resources: readonly [string, Uint8Array][],
  ): Promise<void> => {
    const response = encodeDeltaResponse({
      typeUrl,
      nonce: '1',
      systemVersion: 'c0ffee',
      removed: [],
      resources: resources.map(([name, bytes]) => ({ name, aliases: [], version: '1', bytes })),
    });
    const scanned = atOnce(scanDeltaResponse(response));
    const rejected = await kinds.get(typeUrl)?.receive(scanned, turnsOf(systemClock));
    assert.equal(rejected, []);
  };
  const addresses: MeshAddress[] = [
    { kind: 'service', service: reviews },
    { kind: 'workload', workload: pod },
  ];
  await receive(
    typeUrls.address,
    addresses.map((one) => [nameOfAddress(one), encodeAddress(one)]),
  );
  const labels = { uid: pod.uid, labels: { version: 'v1' } };
  await receive(typeUrls.workloadLabels, [[pod.uid, encodeWorkloadLabels(labels)]]);
  const configure = async (changes: Partial<ServiceConfig>): Promise<void> => {
    const config: ServiceConfig = { service, routes: [], policies: [], ...changes };
    await receive(typeUrls.serviceConfig, [[service, encodeServiceConfig(config)]]);
  };
  const pool = startPool(stack, authority);
  const open = async (): Promise<ByteStream> => {
    const result = await pool.open(
      targetAt({ address: '127.0.0.1' as IpAddress, port }, [own], {
        authority: `${virtualAddress}:${servicePort}`,
      }),
    );
    if (result.kind === 'refused') throw new Error(result.headers.get('ambit-decision'));
    stack.defer(() => result.stream.destroy());
    return result.stream;
  };
  return { waypoint, registry, configure, open };
}

test('serves what it is told of, and nothing before', async ({ stack }) => {
  const { waypoint, configure, open } = await start(stack);
  await open().then(
    () => assert.unreachable('no configuration has come'),
    (error: Error) => assert.match(error.message, 'AMB1710'),
  );
  await configure({});
  const answer = await ask(await open());
  assert.is(answer.body.toString(), 'hello');
  const [record] = waypoint.decisions.find({ destination: 'reviews' });
  assert.is(record?.transport, 'plain');
  assert.is(record?.configVersion, 'c0ffee');
});

test('subsets are found by the labels it is told', async ({ stack }) => {
  const { configure, open } = await start(stack);
  const subsets = [
    { name: 'v1', labels: { version: 'v1' } },
    { name: 'v2', labels: { version: 'v2' } },
  ];
  const destination = { origin: 'DestinationRule default/reviews', subsets };
  const to = (subset: string) => [
    { origin: 'r', matches: [], backends: [{ service, subset, weight: 1 }] },
  ];
  await configure({ destination, routes: to('v1') });
  assert.is((await ask(await open())).status, 200);
  await configure({ destination, routes: to('v2') });
  assert.is((await ask(await open())).status, 503);
});

/** The labels of the requests that were answered so. */
function labelsIn(text: string, code: string): Record<string, string> {
  const line = text
    .split('\n')
    .find((one) => one.startsWith('istio_requests_total{') && one.includes(`_code="${code}"`));
  const pairs = [...(line ?? '').matchAll(/(\w+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
}

test('counts requests with the labels of Istio', async ({ stack }) => {
  const { registry, configure, open } = await start(stack);
  await configure({});
  await ask(await open());
  const matches = [{ uri: { exact: '/elsewhere' } }];
  await configure({ routes: [{ origin: 'r', matches, directResponse: { status: 200 } }] });
  await ask(await open());
  const text = await registry.text();
  const source = {
    source_workload: 'unknown',
    source_canonical_service: 'unknown',
    source_canonical_revision: 'latest',
    source_workload_namespace: 'default',
    source_principal: 'spiffe://cluster.local/ns/default/sa/client',
    source_app: 'unknown',
    source_version: 'unknown',
    source_cluster: 'unknown',
  };
  const shared = {
    reporter: 'waypoint',
    ...source,
    destination_service: 'reviews.default.svc.cluster.local',
    destination_service_name: 'reviews',
    destination_service_namespace: 'default',
    request_protocol: 'http',
    grpc_response_status: '',
    connection_security_policy: 'mutual_tls',
  };
  assert.equal(labelsIn(text, '200'), {
    ...shared,
    destination_workload: 'reviews-v1',
    destination_workload_namespace: 'default',
    // The endpoint is not in the mesh.
    destination_principal: 'unknown',
    destination_app: 'reviews',
    destination_version: 'v1',
    destination_canonical_service: 'reviews',
    destination_canonical_revision: 'v1',
    destination_cluster: 'Kubernetes',
    response_code: '200',
    response_flags: '-',
  });
  assert.equal(labelsIn(text, '404'), {
    ...shared,
    destination_workload: 'unknown',
    destination_workload_namespace: 'unknown',
    destination_principal: 'unknown',
    destination_app: 'unknown',
    destination_version: 'unknown',
    destination_canonical_service: 'unknown',
    destination_canonical_revision: 'latest',
    destination_cluster: 'unknown',
    response_code: '404',
    response_flags: 'NR',
  });
  assert.match(text, 'istio_request_duration_milliseconds_bucket{');
});

test('answers what is no request with 400 and a record', async ({ stack }) => {
  const { waypoint, configure, open } = await start(stack);
  await configure({});
  for (const bytes of [
    'GET / HTTP/1.1\r\nconnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n',
    'GET /#x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nbad header\r\n\r\n',
    'get / HTTP/1.1\r\nhost: a\r\n\r\n',
  ]) {
    const stream = await open();
    await stream.write(Buffer.from(bytes));
    const answer = (await readAll(stream)).toString();
    const [record] = waypoint.decisions.find({});
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, `ambit-decision: ${record?.id} ${record?.verdict.code}`);
  }
});

test('ends what a revoked client has open, refuses it from then on, and keeps records of both', async ({
  stack,
}) => {
  const root = rootNamed('root');
  const issued = new Map<Identity, Promise<WorkloadCertificate>>();
  const issue = (who: Identity): Promise<WorkloadCertificate> => {
    const known = issued.get(who) ?? issueTo(root, who);
    issued.set(who, known);
    return known;
  };
  const asked = Promise.withResolvers<void>();
  const { waypoint, registry, configure, open } = await start(stack, { issue }, () =>
    asked.resolve(),
  );
  await configure({});
  const stream = await open();
  await stream.write(Buffer.from('GET / HTTP/1.1\r\nhost: reviews\r\n\r\n'));
  await asked.promise;
  const { certChainPem } = await issue(identity('client'));
  waypoint.revocations.apply(fileOf(revocationList(root, [certChainPem])));
  await readAll(stream).then(
    () => assert.unreachable('the tunnel was ended'),
    (error: Error) => assert.match(error.message, 'AMB1506'),
  );
  await open().then(
    () => assert.unreachable('the client is revoked'),
    (error: Error) => assert.match(error.message, 'AMB1506'),
  );
  const refused = waypoint.decisions.find({}).find((one) => one.direction === 'inbound');
  assert.is(refused?.verdict.code, 'AMB1521');
  let request: DecisionRecord | undefined;
  while (request === undefined) {
    await systemClock.wait(1);
    request = waypoint.decisions.find({}).find((one) => one.direction === 'request');
  }
  assert.is(request.verdict.code, 'AMB1521');
  assert.match(request.verdict.reason, /the client gave up: .*sa\/client .*was revoked on/);
  assert.match(
    await registry.text(),
    /istio_crl_policy_rejections_total\{reporter="destination"\} [2-9]/,
  );
});

test('drains: requests under way finish, idle connections close after a while, new ones are not taken', async ({
  stack,
  signal,
}) => {
  const { waypoint, configure, open } = await start(stack);
  await configure({ routes: [{ origin: 'r', matches: [], directResponse: { status: 200 } }] });
  const stream = await open();
  const duplex = toDuplex(stream);
  const agent = new Agent({ keepAlive: true });
  const nothing = (): void => undefined;
  Object.assign(duplex, {
    setKeepAlive: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
  });
  Object.assign(agent, { createConnection: () => duplex });
  const request = httpRequest({ agent });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  assert.is((await readAnswer(response)).status, 200);
  duplex.on('end', () => duplex.end());
  await waypoint.drain(signal);
  await open().then(
    () => assert.unreachable('it listens no more'),
    () => undefined,
  );
});

test.run();
