// The demo's tour, driven by the stock kubectl alone. The tests build on each other, in order.

import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');
const routing = (file: string): string => path.join(bookinfo, 'routing', file);

const test = suite<{ mesh: LaptopMesh }>('the tour by kubectl', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'tour', { folder: bookinfo, publish: 'productpage:9080' });
    return { mesh };
  },
});

const reviews = async (mesh: LaptopMesh, user?: string): Promise<string | undefined> => {
  const headers: Record<string, string> = user === undefined ? {} : { cookie: `user=${user}` };
  const got = await mesh.get('/api/v1/products/0/reviews', headers);
  return got.status === 200 ? (JSON.parse(got.body) as { version: string }).version : undefined;
};

test('the application is there before any mesh', async ({ mesh }) => {
  await mesh.kubectl('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s');
  const page = await until('the page', async () => {
    const got = await mesh.get('/productpage');
    return got.status === 200 && got.body.includes('Reviews answered by') ? got : undefined;
  });
  assert.match(page.body, 'The Comedy of Errors');
  const pods = await mesh.kubectl('get', 'pods', '-o', 'wide');
  assert.match(pods, /productpage-v1-\S+\s+1\/1\s+Running\s+0/);
});

test('a label on the namespace enrols running pods without a restart', async ({ mesh }) => {
  const ids = ['get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}'];
  const before = await mesh.kubectl(...ids);
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
  // Debian's kubectl is too old to wait for a jsonpath.
  await until('all pods to be enrolled', async () => {
    const marks =
      '{range .items[*]}{.metadata.annotations.ambient\\.istio\\.io/redirection}{"\\n"}{end}';
    const text = await mesh.kubectl('get', 'pods', '-o', `jsonpath=${marks}`);
    return text.split('\n').filter((line) => line === 'enabled').length === 6 ? true : undefined;
  });
  assert.is(await mesh.kubectl(...ids), before);
  const trace = await until('a request by mutual TLS', async () => {
    await reviews(mesh);
    const why = await mesh.ambit('why', 'productpage', 'reviews');
    return why.stdout.includes('by mutual TLS') ? why.stdout : undefined;
  });
  assert.match(trace, 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage');
});

test('a policy on identities denies and why names it', async ({ mesh }) => {
  await mesh.kubectl('apply', '-f', routing('ratings-only-reviews.yaml'));
  await until('the denial', async () => {
    const got = await mesh.get('/api/v1/products/0/ratings');
    return got.status === 200 ? undefined : true;
  });
  // A connection that the policy met open is on record too, as closed; ask until a new one is told of.
  const why = await until('the denial on record', async () => {
    await mesh.get('/api/v1/products/0/ratings');
    const said = await mesh.ambit('why', 'productpage', 'ratings');
    return said.stdout.includes('AMB1401') ? said : undefined;
  });
  assert.match(why.stdout, 'policy default/ratings-only-reviews');
  await mesh.kubectl('delete', '-f', routing('ratings-only-reviews.yaml'));
  await until('ratings to be allowed again', async () => {
    const got = await mesh.get('/api/v1/products/0/ratings');
    return got.status === 200 ? true : undefined;
  });
});

test('a waypoint routes by header, by weight, and injects faults', async ({ mesh }) => {
  await mesh.kubectl('apply', '-f', routing('waypoint.yaml'));
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=30s');
  await mesh.kubectl('label', 'service', 'reviews', 'istio.io/use-waypoint=waypoint');
  await mesh.kubectl('apply', '-f', routing('destination-rules.yaml'));
  await mesh.kubectl('apply', '-f', routing('reviews-jason-v2.yaml'));
  await until('Jason to see v2', async () => (await reviews(mesh, 'jason')) === 'v2' || undefined);
  for (let index = 0; index < 10; index++) {
    assert.is(await reviews(mesh, 'jason'), 'v2');
    assert.is(await reviews(mesh), 'v1');
  }
  await mesh.kubectl('apply', '-f', routing('reviews-80-20.yaml'));
  await until('v3 to be reached', async () => (await reviews(mesh)) === 'v3' || undefined);
  await mesh.kubectl('apply', '-f', routing('reviews-fault.yaml'));
  await until('Jason to be refused', async () => {
    const got = await mesh.get('/api/v1/products/0/reviews', { cookie: 'user=jason' });
    return got.status === 503 ? true : undefined;
  });
  assert.is(await reviews(mesh), 'v1');
  await mesh.kubectl('delete', 'virtualservice', 'reviews');
  await until(
    'Jason to be served',
    async () => (await reviews(mesh, 'jason')) !== undefined || undefined,
  );
});

test('the command line looks into the proxies, and judges the whole', async ({ mesh }) => {
  const told = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await mesh.ambit(...args);
    assert.is(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const workloads = await told('zc', 'workload', '--node', 'node2');
  assert.match(workloads, /^default +productpage-v1-\S+ +10\.\S+ +node\d +None +HBONE$/m);
  assert.match(await told('zc', 'service'), /^default +reviews +10\.\S+ +waypoint +3\/3$/m);
  const certificates = await told('zc', 'certificate', '--node', 'node1');
  assert.match(certificates, /sa\/bookinfo-\S+ +Leaf +Available +true/);
  const debug = await told('zc', 'log', '--level', 'debug');
  assert.is(debug.match(/current log level is debug/g)?.length, 2);
  await told('zc', 'log', '--reset');
  const synced = await until('every proxy to have followed', async () => {
    const { stdout } = await mesh.ambit('ps', '-v', '1');
    return /STALE|NOT SENT/.test(stdout) ? undefined : stdout;
  });
  assert.match(synced, /^waypoint-\S+ +Kubernetes +istiod-\S+ +\S+ +SYNCED +SYNCED +SYNCED/m);
  assert.is(synced.match(/^ztunnel-/gm)?.length, 2);
  assert.match(await told('version', '--short'), '(3 proxies)');
  const status = await told('status', '-c', mesh.kubeconfig);
  assert.match(status, /^namespace default +6\/6/m);
  assert.match(status, /^waypoint default\/waypoint +1\/1/m);
});

test('a VirtualService that is not valid is refused with field and code, and the rest goes on', async ({
  mesh,
}) => {
  const bad = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'broken' },
    spec: {
      hosts: ['reviews'],
      http: [
        {
          match: [{ uri: { regex: '(unclosed' } }],
          route: [{ destination: { host: 'reviews', subset: 'v3' } }],
        },
      ],
    },
  };
  const applied = await mesh.kubectlRaw(['apply', '-f', '-'], JSON.stringify(bad));
  assert.is.not(applied.code, 0);
  assert.match(applied.stderr, 'admission webhook "validation.istio.io" denied the request: ');
  assert.match(applied.stderr, 'AMB1602 spec.http[0].match[0].uri.regex: ');
  assert.is(await mesh.kubectl('get', 'virtualservices', 'broken', '--ignore-not-found'), '');
  assert.is.not(await reviews(mesh), undefined);
});

test('the controller stops, traffic goes on', async ({ mesh }) => {
  await mesh.kubectl('scale', 'deployment', 'istiod', '-n', 'istio-system', '--replicas=0');
  await mesh.kubectl(
    'wait',
    '--for=delete',
    'pod',
    '-l',
    'app=istiod',
    '-n',
    'istio-system',
    '--timeout=30s',
  );
  assert.is.not(await reviews(mesh), undefined);
  await mesh.kubectl('scale', 'deployment', 'istiod', '-n', 'istio-system', '--replicas=1');
  await mesh.kubectl(
    'rollout',
    'status',
    'deployment/istiod',
    '-n',
    'istio-system',
    '--timeout=30s',
  );
});

test('taking the label away takes the pods out', async ({ mesh }) => {
  await mesh.kubectl('label', 'service', 'reviews', 'istio.io/use-waypoint-');
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode-');
  await until('no pod to be enrolled', async () => {
    const text = await mesh.kubectl(
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].metadata.annotations}',
    );
    return text.includes('ambient.istio.io/redirection') ? undefined : true;
  });
  assert.is.not(await reviews(mesh), undefined);
});

test.run();
