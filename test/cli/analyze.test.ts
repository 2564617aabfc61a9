// `ambit analyze`: every analyzer with what it finds and what it leaves alone, the lines and exit codes, and a
// real API server.

import * as assert from 'uvu/assert';
import { parse, parseAllDocuments } from 'yaml';
import { analyzers, analyze as analyzeWorld, originOf } from '../../src/cli/analyze/analyze.ts';
import type { Message } from '../../src/cli/analyze/message.ts';
import { readCluster } from '../../src/cli/analyze/read-cluster.ts';
import { defaultMesh, makeWorld } from '../../src/cli/analyze/world.ts';
import type { Cluster } from '../../src/cli/cluster.ts';
import { analyze } from '../../src/cli/commands/analyze.ts';
import type { KubernetesObject } from '../../src/controller/kinds/object.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { startHarness } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';
import { cases, routes, shop } from './analyze-cases.ts';

const test = suite('ambit analyze');

/** `KIND NAME: {spec}` lines as objects of the namespace shop. */
function objectsOf(yaml: string): KubernetesObject[] {
  return parseAllDocuments(yaml).map((document) => {
    const object = document.toJS() as KubernetesObject;
    const namespace = object.metadata.namespace ?? 'shop';
    return { ...object, metadata: { ...object.metadata, namespace } };
  });
}

function found(yaml: string): Message[] {
  const world = makeWorld(objectsOf(`${shop}---\n${yaml}`), defaultMesh('istio-system'));
  return analyzeWorld(world, { isWanted: () => true, suppressions: [], threshold: 'Info' });
}

test('each mistake is found under the code of Istio, with its field and a code of ours', () => {
  const wrong = cases.filter(([code, yaml, field]) => {
    const messages = found(yaml);
    return !messages.some((one) => one.code === code && one.field === field && one.text !== '');
  });
  assert.equal(
    wrong.map(([code, yaml]) => [
      code,
      found(yaml).map((one) => `${one.code} ${one.field}: ${one.text}`),
    ]),
    [],
  );
});

const definition = (version: string, served: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: httproutes.gateway.networking.k8s.io, annotations: {gateway.networking.k8s.io/bundle-version: ${version}}}
spec:
  group: gateway.networking.k8s.io
  names: {kind: HTTPRoute}
  versions: [{name: ${served}, served: true}]
`;

test('definitions of the Gateway API that are too old are told', () => {
  const codes = (version: string, served: string): string[] =>
    found(definition(version, served))
      .map(({ code }) => code)
      .filter((code) => /IST01(56|72|76)/.test(code));
  assert.equal(codes('v1.0.0', 'v1'), ['IST0156']);
  assert.equal(codes('v1.2.1', 'v1'), ['IST0172']);
  assert.equal(codes('v1.4.0', 'v1'), []);
  assert.equal(codes('v1.4.0', 'v1beta1'), ['IST0176']);
});

test('what is well is left alone', () => {
  const messages = found('{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}');
  // Nothing is served by a waypoint in this world.
  const others = messages.filter(({ code }) => code.startsWith('IST'));
  assert.equal(
    others.map(({ code, object, text }) => `${code} ${originOf(object)} ${text}`),
    [],
  );
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
  isTerminal = false,
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const context = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    env,
    cwd: '/',
    terminal: { stdout: isTerminal, stderr: false },
    stdin: () => Promise.resolve(input),
    signal: new AbortController().signal,
  };
  try {
    return { code: await analyze.run(args, context), stdout, stderr };
  } catch (error) {
    assert.instance(error, AmbitError);
    return { code: 1, stdout, stderr: (error as AmbitError).message };
  }
}

const offline = ['-k', 'false', '-n', 'shop', '-'];
const bad = `${shop}---\n${routes('[{route: [{destination: {host: nosuch}}]}]')}\n`;

test('lines name level, code, object, file and line, and end with a code to be explained', async () => {
  const ran = await run(offline, bad);
  assert.is(ran.code, 79);
  const line =
    'Error [IST0101] (VirtualService x.shop -:24) spec.http[0].route[0].destination.host: host not found: "nosuch" (nosuch.shop.svc.cluster.local) (AMB1695)\n';
  assert.ok(ran.stdout.includes(line), ran.stdout);
  assert.match(ran.stderr, /^AMB1694 analysis found problems in -/);
});

test('thresholds, suppressions and annotations decide what is shown and what fails', async () => {
  const code = async (...args: string[]): Promise<number> =>
    (await run([...offline, ...args], bad)).code;
  const suppressed = ['-S', 'IST0101=VirtualService x*'];
  assert.is(await code(...suppressed), 0);
  assert.is(await code(...suppressed, '--failure-threshold', 'Warning'), 79);
  assert.is(
    await code(...suppressed, '--failure-threshold', 'Warning', '--output-threshold', 'Error'),
    0,
  );
  const muted = bad.replace(
    '{name: x}',
    '{name: x, annotations: {galley.istio.io/analyze-suppress: "IST0101"}}',
  );
  assert.not.match((await run(offline, muted)).stdout, 'IST0101');
});

test('programs get the same, and colours are for terminals alone', async () => {
  const ran = await run([...offline, '-o', 'yaml'], bad);
  const messages = parse(ran.stdout) as { code: string; reference: string; ambitCode: string }[];
  const [message] = messages.filter(({ code }) => code === 'IST0101');
  assert.is(message?.reference, '-:24');
  assert.is(message?.ambitCode, 'AMB1695');
  assert.match((await run(offline, bad, {}, true)).stdout, '\u{1b}[31mError\u{1b}[0m [IST0101]');
  assert.not.match((await run(offline, bad, { NO_COLOR: '1' }, true)).stdout, '\u{1b}');
});

test('wrong words of the command have codes, and analyzers can be listed', async () => {
  assert.match((await run(['-k', 'false'])).stderr, 'AMB1801');
  assert.match((await run([...offline, '-S', 'nonsense'], bad)).stderr, 'AMB1801');
  assert.match((await run([...offline, '--failure-threshold', 'Bad'], bad)).stderr, 'AMB1801');
  assert.match((await run(['-k', 'false', '/no/such/file'])).stderr, 'AMB1693');
  assert.match((await run(['-c', '/no/such/file'])).stderr, 'AMB1803');
  assert.is((await run(['-L'])).stdout.trim().split('\n').length, Object.keys(analyzers).length);
});

test('a cluster is analyzed with files over it, by namespace', async ({ stack }) => {
  const harness = await startHarness(stack);
  const { store } = harness.server;
  store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const service = objectsOf(shop)[0]!;
  store.create({ ...service, spec: { ports: [{ name: 'web', port: 80 }] } } as never);
  const at = ['-c', harness.kubeconfig];
  const shown = await run([...at, '-n', 'shop']);
  assert.match(shown.stdout, /Info \[IST0118\] \(Service reviews\.shop\) spec\.ports\[0\]\.name/);
  assert.is(shown.code, 0);
  const clean = await run([...at, '-n', 'default']);
  assert.is(clean.stdout, '✔ No validation issues found when analyzing namespace: default.\n');
  const over = await run([...at, '-A', '-n', 'shop', '-'], bad);
  assert.is(over.code, 79);
  assert.not.match(over.stdout, 'IST0118');
  assert.match(over.stdout, 'IST0101');
});

/** Answers lists like an API server to a caller who may see one namespace, and pods nowhere. */
function clusterOf(objects: readonly KubernetesObject[]): Pick<Cluster, 'find'> {
  return {
    find: (path) => {
      const [place = '', query = ''] = path.split('?');
      const isWide = !place.includes('/namespaces/');
      if (isWide || place.endsWith('/pods')) {
        return Promise.reject(new AmbitError('AMB1804', `https://a${place} answered 403: no`));
      }
      if (!place.endsWith('/services')) return Promise.resolve(undefined);
      const from = Number(new URLSearchParams(query).get('continue') ?? 0);
      const next = from + 1 < objects.length ? { continue: String(from + 1) } : {};
      return Promise.resolve({ metadata: next, items: objects.slice(from, from + 1) });
    },
  };
}

test('a caller who may see little gets what he may see, by pages, and what is missing by name', async () => {
  const services = ['a', 'b', 'c'].map((name) => ({ metadata: { name } }) as KubernetesObject);
  const { objects, unread } = await readCluster(clusterOf(services), 'shop');
  const shown = objects.map(
    ({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`,
  );
  assert.equal(shown, ['v1 Service a', 'v1 Service b', 'v1 Service c']);
  assert.ok(unread.includes('pods (not allowed)'));
  assert.ok(unread.includes('nodes (not allowed)'));
});

test.run();
