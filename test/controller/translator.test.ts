import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Pod, ServiceObject } from '../../src/controller/kinds/core.ts';
import type { KindName } from '../../src/controller/kinds/kinds.ts';
import { type KubernetesObject, keyOf } from '../../src/controller/kinds/object.ts';
import { ObjectTables } from '../../src/controller/objects.ts';
import { publishable } from '../../src/controller/publish/resources.ts';
import type { Translation } from '../../src/controller/translate/snapshot.ts';
import { translate } from '../../src/controller/translate/translate.ts';
import { ValidVersions } from '../../src/controller/translate/valid-versions.ts';
import { WorkloadMemory } from '../../src/controller/translate/workload-memory.ts';
import { translateInTurns } from '../../src/controller/translate-in-turns.ts';
import { Translator } from '../../src/controller/translator.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { suite } from '../support/suite.ts';
import { mesh } from './tables.ts';

const test = suite('translation of what changed');

interface Change {
  readonly kind: KindName;
  readonly object: KubernetesObject;
  readonly isGone: boolean;
}

const [namespaces, names, apps] = [
  ['a', 'b'],
  ['one', 'two', 'three'],
  ['x', 'y'],
] as const;
const metadata = fc.record({
  name: fc.constantFrom(...names),
  namespace: fc.constantFrom(...namespaces),
  labels: fc.record({ app: fc.constantFrom(...apps) }),
});
const pod = fc.record({
  metadata,
  spec: fc.record({ nodeName: fc.constantFrom('n1', 'n2') }),
  status: fc.record({
    phase: fc.constantFrom('Running', 'Succeeded'),
    podIP: fc.constantFrom('10.0.0.1', '10.0.0.2', ''),
  }),
});
const service = fc.record({
  metadata,
  spec: fc.record({
    clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2'),
    selector: fc.option(fc.record({ app: fc.constantFrom(...apps) }), { nil: undefined }),
    ports: fc.constant([{ port: 80, targetPort: 8080 }]),
  }),
});
const slice = fc.record({
  metadata: fc.record({
    name: fc.constantFrom(...names),
    namespace: fc.constantFrom(...namespaces),
    labels: fc.record({ 'kubernetes.io/service-name': fc.constantFrom(...names) }),
  }),
  endpoints: fc.constantFrom(
    [{ addresses: ['192.0.2.1'] }],
    ...names.map((name) => [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name } }]),
  ),
  ports: fc.constant([{ port: 7 }]),
});
const policy = fc.record({
  metadata,
  spec: fc.record({
    selector: fc.option(fc.record({ matchLabels: fc.record({ app: fc.constantFrom(...apps) }) }), {
      nil: undefined,
    }),
    action: fc.constantFrom('ALLOW', 'DENY'),
    // Always valid: an invalid one stays in its last valid version, which anew is not known.
    rules: fc.constant([{}]),
  }),
});
const serviceEntry = fc.record({
  metadata,
  spec: fc.record({
    hosts: fc.subarray(['one.a.svc.cluster.local', 'x.example', 'y.example'], { minLength: 1 }),
    location: fc.constant('MESH_INTERNAL'),
    resolution: fc.constant('STATIC'),
    ports: fc.constant([{ number: 80, name: 'http', protocol: 'HTTP' }]),
    workloadSelector: fc.record({ labels: fc.record({ app: fc.constantFrom(...apps) }) }),
  }),
});
const entryOfEndpoints = fc.record({
  metadata,
  spec: fc.record({
    hosts: fc.subarray(['one.a.svc.cluster.local', 'x.example'], { minLength: 1 }),
    addresses: fc.constant(['192.0.2.9']),
    resolution: fc.constant('STATIC'),
    ports: fc.constant([{ number: 80, name: 'http', protocol: 'HTTP' }]),
    endpoints: fc.constant([{ address: '203.0.113.1' }]),
  }),
});
const workloadEntry = fc.record({ metadata, spec: fc.constant({ address: '203.0.113.2' }) });
const node = fc.record({
  metadata: fc.record({
    name: fc.constantFrom('n1', 'n2'),
    labels: fc.record({ 'topology.kubernetes.io/zone': fc.constantFrom('z1', 'z2') }),
  }),
});

function changeOf(kind: KindName, object: fc.Arbitrary<object>): fc.Arbitrary<Change> {
  return fc.record({
    kind: fc.constant(kind),
    object: object.map((one) => ({ apiVersion: 'v1', kind, ...one }) as KubernetesObject),
    isGone: fc.boolean(),
  });
}

const change = fc.oneof(
  { weight: 6, arbitrary: changeOf('Pod', pod) },
  { weight: 2, arbitrary: changeOf('Service', service) },
  changeOf('EndpointSlice', slice),
  changeOf('AuthorizationPolicy', policy),
  changeOf('ServiceEntry', serviceEntry),
  changeOf('ServiceEntry', entryOfEndpoints),
  changeOf('WorkloadEntry', workloadEntry),
  changeOf('Node', node),
);

test('publishes what translating everything anew would, after any changes', async () => {
  const batches = fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(batches, async (steps) => {
      const tables = new ObjectTables((kind, object) => translator.changed(kind, object));
      const translator = new Translator(tables, mesh, systemClock);
      for (const step of steps) {
        for (const { kind, object, isGone } of step) {
          if (isGone) tables.delete(kind, keyOf(object));
          else tables.set(kind, object);
        }
        const { published, translation } = await translator.translate();
        const anew = translate(tables, new ValidVersions(), mesh);
        assert.is(published.hash, publishable(anew.snapshot).published.hash);
        const told = ({ findings }: Translation): string[] =>
          findings.map((finding) => JSON.stringify(finding)).sort();
        assert.equal(told(translation), told(anew));
        assert.equal(
          [...translation.snapshot.workloads.keys()].sort(),
          [...anew.snapshot.workloads.keys()].sort(),
        );
      }
    }),
    { numRuns: 150 },
  );
});

function manyPods(count: number): ObjectTables {
  const tables = new ObjectTables();
  for (let index = 0; index < count; index++) tables.set('Pod', aPod(index));
  const spec = { selector: { app: 'x' }, ports: [{ port: 80 }] };
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'a' },
    spec,
  };
  tables.set('Service', object as ServiceObject);
  return tables;
}

function aPod(index: number): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${index}`, namespace: 'a', labels: { app: 'x' } },
    spec: { containers: [] },
    status: { podIP: `10.0.${index >> 8}.${index & 255}` },
  };
}

test('lets others have their turn between groups of pods, and makes the same of them', async () => {
  const tables = manyPods(500);
  let turns = 0;
  const counted = {
    isOver: true,
    next: async () => {
      turns++;
      await Promise.resolve();
    },
  };
  const passes = { versions: new ValidVersions(), mesh, memory: new WorkloadMemory() };
  const { translation } = await translateInTurns(tables, passes, systemClock, counted);
  const { snapshot } = translation;
  assert.ok(turns >= 4, `${turns} turns`);
  const whole = translate(tables, new ValidVersions(), mesh).snapshot;
  assert.is(publishable(snapshot).published.hash, publishable(whole).published.hash);
});

test('makes a new workload of the pod that changed only', async () => {
  const tables = new ObjectTables((kind, object) => translator.changed(kind, object));
  const translator = new Translator(tables, mesh, systemClock);
  for (const one of manyPods(50).list('Pod')) tables.set('Pod', one);
  const before = await translator.translate();
  const workloads = new Map(before.translation.snapshot.workloads);
  tables.set('Pod', { ...aPod(7), status: { podIP: '10.9.9.9' } } as Pod);
  const after = await translator.translate();
  const made = [...after.translation.snapshot.workloads.values()].filter(
    (workload) => workloads.get(workload.uid) !== workload,
  );
  assert.equal(
    made.map(({ name }) => name),
    ['p7'],
  );
  const changes = after.published.addresses.changesSince(before.published.addresses);
  assert.equal(changes.updated.length, 1);
  assert.equal(changes.removed, []);
});

test('has nothing to translate where a node or a slice of pods changes in what does not count', () => {
  const tables = new ObjectTables();
  const translator = new Translator(tables, mesh, systemClock);
  const n1 = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
  tables.set('Node', n1);
  assert.is(translator.changed('Node', n1), true);
  assert.is(translator.changed('Node', { ...n1, metadata: { name: 'n1', generation: 2 } }), false);
  const labels = { 'topology.kubernetes.io/zone': 'z' };
  assert.is(translator.changed('Node', { ...n1, metadata: { name: 'n1', labels } }), true);
  tables.delete('Node', keyOf(n1));
  assert.is(translator.changed('Node', n1), true);
});

test.run();
