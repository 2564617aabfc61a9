import * as assert from 'uvu/assert';
import { type EncodingMemory, publishable } from '../../../src/controller/publish/resources.ts';
import { translate } from '../../../src/controller/translate/translate.ts';
import { ValidVersions } from '../../../src/controller/translate/valid-versions.ts';
import { WorkloadMemory } from '../../../src/controller/translate/workload-memory.ts';
import { suite } from '../../support/suite.ts';
import { mesh, tablesFrom } from '../tables.ts';

const test = suite('published snapshots');

const pod = (labels: string) => `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {${labels}}}
status: {phase: Running, podIP: 10.244.1.2}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.7, selector: {app: web}, ports: [{port: 80}]}
`;

test('equal objects give equal hashes, and any change another', () => {
  const hash = (text: string): string =>
    publishable(translate(tablesFrom(text), new ValidVersions(), mesh).snapshot).published.hash;
  assert.is(hash(pod('app: web')), hash(pod('app: web')));
  assert.match(hash(pod('app: web')), /^[0-9a-f]{16}$/);
  assert.is.not(hash(pod('app: web')), hash(pod('app: other')));
});

test('what is remembered changes nothing of the outcome', () => {
  const workloads = new WorkloadMemory();
  const encoded: EncodingMemory = new WeakMap();
  const tables = tablesFrom(pod('app: web'));
  const compare = (): string => {
    const { snapshot } = translate(tables, new ValidVersions(), mesh, workloads);
    const { published } = publishable(snapshot, encoded);
    const fresh = publishable(translate(tables, new ValidVersions(), mesh).snapshot).published;
    assert.equal(published, fresh);
    return published.hash;
  };
  const hashes = [compare(), compare()];
  const more = tablesFrom(`
apiVersion: v1
kind: Service
metadata: {name: more, namespace: shop}
spec: {clusterIP: 10.96.0.8, selector: {app: web}, ports: [{port: 81}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
`);
  for (const service of more.list('Service')) tables.set('Service', service);
  hashes.push(compare());
  for (const one of more.list('PeerAuthentication')) tables.set('PeerAuthentication', one);
  hashes.push(compare());
  assert.is(new Set(hashes).size, 3);
});

test('a resource that cannot be encoded is left out and named, and costs no other', () => {
  const { snapshot } = translate(tablesFrom(pod('app: web')), new ValidVersions(), mesh);
  const broken = { app: 7 } as unknown as Record<string, string>;
  const { published, problems } = publishable({
    ...snapshot,
    workloadLabels: new Map([
      ['odd', broken],
      ['fine', { app: 'web' }],
    ]),
  });
  assert.equal(
    [...published.workloadLabels.values()].map(({ name }) => name),
    ['fine'],
  );
  assert.equal(
    problems.map(({ name }) => name),
    ['odd'],
  );
});

test.run();
