import * as assert from 'uvu/assert';
import { keyOf } from '../../../src/controller/kinds/object.ts';
import {
  ListAndWatch,
  silenceMs,
  type WatchTrouble,
} from '../../../src/controller/kubernetes/list-and-watch.ts';
import type { ApiServer } from '../../../src/standalone/api/api-server.ts';
import { suite } from '../../support/suite.ts';
import { ApiFront } from '../api-front.ts';
import { LeapingClock } from '../leaping-clock.ts';
import { applyYaml, eventually, startApi } from '../running-controller.ts';

const test = suite<{ api: ApiServer }>('lists and watches that survive', {
  setup: async ({ stack }) => ({ api: await startApi(stack) }),
});

/** Everything that a watch tells. */
class Seen implements AsyncDisposable {
  readonly objects = new Map<string, string>();
  readonly troubles: WatchTrouble[] = [];
  readonly reasons: string[] = [];
  lists = 0;
  readonly clock = new LeapingClock();
  readonly #watch: ListAndWatch;

  constructor(front: ApiFront, stack: AsyncDisposableStack, path: string, labelSelector?: string) {
    this.#watch = new ListAndWatch({
      client: stack.use(front.client()),
      clock: this.clock,
      path,
      selectors: { labelSelector },
      random: () => 0.5,
      onSet: (object) => {
        const { data } = object as { data?: Record<string, string> };
        this.objects.set(keyOf(object), data?.['value'] ?? '');
      },
      onDelete: (key) => this.objects.delete(key),
      onListed: () => this.lists++,
      onTrouble: (trouble, reason) => {
        this.troubles.push(trouble);
        this.reasons.push(reason);
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
  }

  get text(): string {
    return [...this.objects].map(([key, value]) => `${key.split('/')[1]}=${value}`).join();
  }
}

/** A scene of ConfigMaps with a label of its own. */
async function scene(api: ApiServer, stack: AsyncDisposableStack, of: string) {
  const front = stack.use(await ApiFront.open(api));
  const set = (name: string, value: string): void =>
    applyYaml(
      api,
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}, namespace: default, labels: {of: ${of}}}, data: {value: "${value}"}}`,
    );
  const remove = (name: string): unknown => api.store.delete('configmaps', 'default', name);
  const watch = (): Seen => stack.use(new Seen(front, stack, '/api/v1/configmaps', `of=${of}`));
  const watching = () => eventually('an open watch', () => front.watches.size > 0 || undefined);
  return { front, set, remove, watch, watching };
}

const shows = (seen: Seen, text: string) =>
  eventually(`"${text}", not "${seen.text}"`, () => seen.text === text || undefined);

const isWatch = (url: string): boolean => url.includes('watch=true');

test('tells what there is, page by page, and what becomes of it', async ({ api, stack }) => {
  const { front, set, remove, watch } = await scene(api, stack, 'pages');
  for (let count = 0; count < 1203; count++) set(`p${String(count).padStart(4, '0')}`, 'x');
  const seen = watch();
  await eventually('all', () => seen.objects.size === 1203 || undefined);
  assert.is(front.count(/GET .*limit=500/), 3);
  assert.is(front.count(/GET .*continue=/), 2);
  await eventually('the list', () => seen.lists === 1 || undefined);
  remove('p0001');
  set('p0002', 'y');
  await eventually('the changes', () =>
    !seen.objects.has('default/p0001') && seen.objects.get('default/p0002') === 'y'
      ? true
      : undefined,
  );
  assert.equal(seen.troubles, []);
});

test('a version that the server forgot is no end: everything is listed again', async ({
  api,
  stack,
}) => {
  const { front, set, remove, watch, watching } = await scene(api, stack, 'forgotten');
  set('f1', 'a');
  set('f2', 'a');
  const seen = watch();
  await shows(seen, 'f1=a,f2=a');
  await watching();
  let refused = 0;
  front.intercept = (_method, url) =>
    isWatch(url) && refused++ === 0
      ? { status: 410, body: { reason: 'Expired', code: 410 } }
      : undefined;
  remove('f1');
  front.cut();
  set('f2', 'b');
  await shows(seen, 'f2=b');
  await eventually('a second list', () => seen.lists === 2 || undefined);
  assert.ok(seen.troubles.includes('expired'));
});

test('an expiry that comes as an event of the watch is one too', async ({ api, stack }) => {
  const { front, set, watch, watching } = await scene(api, stack, 'event');
  set('e1', 'a');
  const seen = watch();
  await shows(seen, 'e1=a');
  await watching();
  for (const [, response] of front.watches) {
    response.write(
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`,
    );
  }
  await eventually('a second list', () => seen.lists === 2 || undefined);
  set('e1', 'b');
  await shows(seen, 'e1=b');
  assert.equal(seen.troubles, ['expired']);
});

test('a permission that is withdrawn leaves what was known, and given back it goes on', async ({
  api,
  stack,
}) => {
  const { front, set, watch, watching } = await scene(api, stack, 'permission');
  set('r1', 'a');
  const seen = watch();
  await shows(seen, 'r1=a');
  await watching();
  for (const status of [401, 403]) {
    const told = seen.troubles.length;
    front.intercept = () => ({
      status,
      body: { reason: 'Forbidden', message: 'no', code: status },
    });
    front.cut();
    set('r1', String(status));
    await eventually(
      'the refusal',
      () => seen.troubles.slice(told).includes('forbidden') || undefined,
    );
    assert.not(seen.text.includes(String(status)));
    assert.is(seen.objects.size, 1);
    front.intercept = () => undefined;
    seen.clock.leap(20_000);
    await shows(seen, `r1=${status}`);
  }
});

test('a kind that is defined later is found, and one that is taken away is empty', async ({
  api,
  stack,
}) => {
  const front = stack.use(await ApiFront.open(api));
  const seen = stack.use(new Seen(front, stack, '/apis/example.com/v1/things'));
  await eventually('that it is not served', () => seen.troubles.includes('unserved') || undefined);
  assert.is(seen.lists, 0);
  applyYaml(
    api,
    `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`,
  );
  seen.clock.leap(3_000);
  await eventually('the first list', () => seen.lists === 1 || undefined);
  applyYaml(
    api,
    '{apiVersion: example.com/v1, kind: Thing, metadata: {name: t, namespace: default}}',
  );
  await shows(seen, 't=');
  // Not even the deletion is told: the connection is gone before it.
  front.intercept = () => ({ status: 404, body: { reason: 'NotFound', code: 404 } });
  front.cut();
  await eventually('that it is gone', () => {
    seen.clock.leap(2_000);
    return seen.objects.size === 0 || undefined;
  });
});

test('a connection that fell silent is made anew, without listing', async ({ api, stack }) => {
  const { front, set, watch, watching } = await scene(api, stack, 'silence');
  set('s1', 'a');
  const seen = watch();
  await shows(seen, 's1=a');
  await watching();
  // The stream stays open, and nothing of it arrives any more.
  front.change = () => undefined;
  set('s1', 'b');
  seen.clock.leap(silenceMs / 2);
  assert.is(seen.text, 's1=a');
  front.change = (_url, chunk) => chunk;
  seen.clock.leap(silenceMs / 2 + 1);
  await shows(seen, 's1=b');
  assert.equal(seen.troubles, ['silent']);
  assert.is(seen.lists, 1);
});

test('an answer that never begins is given up', async ({ api, stack }) => {
  const { front, set, watch, watching } = await scene(api, stack, 'stall');
  set('n1', 'a');
  const seen = watch();
  await shows(seen, 'n1=a');
  await watching();
  front.intercept = () => 'silence';
  front.cut();
  await eventually('an attempt', () => front.count(/limit=1&?/) > 0 || undefined);
  front.intercept = () => undefined;
  set('n1', 'b');
  front.cut();
  await shows(seen, 'n1=b');
});

test('a server that was set back in time is not believed to be merely quiet', async ({
  api,
  stack,
}) => {
  const { front, set, watch, watching } = await scene(api, stack, 'back');
  set('b1', 'a');
  const seen = watch();
  await shows(seen, 'b1=a');
  await watching();
  const { resourceVersion } = api.store.get('configmaps', 'default', 'b1')?.metadata ?? {};
  // As kube-apiserver does: a watch from the future waits, and a list tells the true version.
  let isSetBack = true;
  front.intercept = (_method, url) => {
    if (!isSetBack) return undefined;
    if (isWatch(url)) return 'silence';
    if (!url.includes('limit=1&') && !url.endsWith('limit=1')) return undefined;
    isSetBack = false;
    return {
      status: 200,
      body: { metadata: { resourceVersion: String(Number(resourceVersion) - 1) }, items: [] },
    };
  };
  front.cut();
  await eventually('a second list', () => seen.lists === 2 || undefined);
  assert.ok(seen.troubles.includes('went-back'));
  set('b1', 'b');
  await shows(seen, 'b1=b');
});

test('what cannot be read is told, and everything listed again', async ({ api, stack }) => {
  const { front, set, watch, watching } = await scene(api, stack, 'malformed');
  set('m1', 'a');
  const seen = watch();
  await shows(seen, 'm1=a');
  const malformed = [
    '{"type":"MODIFIED","object":{"meta',
    'null',
    '{"type":"MODIFIED"}',
    '{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"9"}}}',
    '{"type":"MODIFIED","object":{"metadata":{"name":"m1"}}}',
    '{"type":"EXPLODED","object":{"metadata":{"name":"m1","resourceVersion":"9"}}}',
    '[]',
  ];
  for (const [index, line] of malformed.entries()) {
    await watching();
    const { lists } = seen;
    front.change = () => {
      front.change = (_url, chunk) => chunk;
      return `${line}\n`;
    };
    set('m1', `b${index}`);
    await eventually('the trouble', () => seen.troubles.length > index || undefined);
    // Each attempt waits longer than the one before.
    seen.clock.leap(4_000);
    await eventually(`a list after ${line}`, () => seen.lists > lists || undefined);
    await shows(seen, `m1=b${index}`);
    assert.is(seen.troubles.at(-1), 'malformed');
    assert.is(seen.reasons.at(-1), line);
  }
});

test('an event in pieces is one event', async ({ api, stack }) => {
  const { front, set, watch, watching } = await scene(api, stack, 'pieces');
  set('c1', 'a');
  const seen = watch();
  await shows(seen, 'c1=a');
  await watching();
  const [response] = front.watches.values();
  front.change = (_url, chunk) => {
    for (const letter of chunk) response?.write(letter);
    return undefined;
  };
  set('c1', 'grüße, 世界');
  await shows(seen, 'c1=grüße, 世界');
  assert.equal(seen.troubles, []);
});

test.run();
