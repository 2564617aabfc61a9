// What a platform engineer does with a cluster, from the check before to the proof after: told by kubectl and
// ambit alone, so that it can be told of any cluster.

import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import type { Suite } from '../support/suite.ts';

/** The cluster that it is told of. */
export interface Place {
  /** Runs kubectl; rejects when it fails. */
  readonly kubectl: (...args: string[]) => Promise<string>;
  /** Applies an object. */
  readonly apply: (object: object) => Promise<void>;
  /** Runs ambit; answers whatever came. */
  readonly ambit: (...args: string[]) => Promise<{ code: number; stdout: string; stderr: string }>;
  /** An image with Node, for the application. */
  readonly image: string;
  /** Values that this cluster needs. */
  readonly values: readonly string[];
}

/** Of this story alone; it is made and removed. */
export const storyNamespace = 'ambit-story';
const port = 8080;
const server = `
const { createServer } = require('node:http');
const end = () => process.exit(0);
process.on('SIGTERM', end);
createServer((_, response) => response.end(process.env.ANSWER)).listen(${port}, '::');
`;
/** Asks for ever, each time by a connection of its own, and logs what came. */
const client = `
const { get } = require('node:http');
process.on('SIGTERM', () => process.exit(0));
const ask = () => {
  const again = (line) => { console.log(line); setTimeout(ask, 100); };
  get({ host: 'server', port: ${port}, agent: false, timeout: 5000 }, async (response) => {
    let body = '';
    for await (const chunk of response) body += chunk;
    again(response.statusCode + ' ' + body);
  }).on('error', (error) => again('failed ' + error.code)).on('timeout', function () { this.destroy(); });
};
ask();
`;

/** Declares the story's tests, in their order. */
export function declareStory(test: Suite<{ place: Place }>): void {
  test('the cluster is looked at, and nothing is in the way', async ({ place }) => {
    const { stdout, code } = await place.ambit('check', '--pre', '-o', 'json');
    const rows = JSON.parse(stdout) as readonly { level: string; message: string }[];
    assert.equal(
      rows.filter(({ level }) => level === 'error'),
      [],
    );
    assert.is(code, rows.some(({ level }) => level === 'warning') ? 1 : 0);
  });

  test('an application runs before there is a mesh', async ({ place }) => {
    for (const object of application(place.image)) await place.apply(object);
    const pods = ['client', 'server-v1', 'server-v2'].map((name) => `deployment/${name}`);
    await inStory(place, 'wait', '--for=condition=Available', ...pods, '--timeout=120s');
    await answers(place, (lines) => lines.at(-1) === '200 v1');
  });

  test('the mesh is installed by one command, and nothing of the application notices', async ({
    place,
  }) => {
    const before = await processes(place);
    const installed = await place.ambit('install', '-y', ...sets(place));
    assert.is(installed.code, 0, installed.stderr);
    assert.match(installed.stdout, /is installed/);
    const again = await place.ambit('install', '-y', ...sets(place));
    assert.is(again.code, 0, again.stderr);
    const status = await place.ambit('status');
    assert.is(status.code, 0, status.stdout + status.stderr);
    await unharmed(place, before);
  });

  test('a label brings the pods in, by mutual TLS and without a restart', async ({ place }) => {
    const before = await processes(place);
    const enrolled = await place.ambit('enroll', storyNamespace);
    assert.is(enrolled.code, 0, enrolled.stdout + enrolled.stderr);
    await until('mutual TLS', async () => {
      const { stdout } = await place.ambit('why', `${storyNamespace}/client`, 'server');
      return stdout.includes('by mutual TLS') || undefined;
    });
    await unharmed(place, before);
  });

  test('a policy denies by identity, and why names it', async ({ place }) => {
    await place.apply(denial);
    await answers(place, (lines) => lines.at(-1)?.startsWith('failed') === true);
    await until('the policy to be named', async () => {
      const { stdout } = await place.ambit('why', `${storyNamespace}/client`, 'server');
      return stdout.includes(`${storyNamespace}/nobody`) || undefined;
    });
    await inStory(place, 'delete', 'authorizationpolicy', 'nobody');
    await answers(place, (lines) => lines.at(-1) === '200 v1');
  });

  test('a waypoint routes, and an upgrade costs no request', async ({ place }) => {
    const made = await place.ambit('waypoint', 'apply', '-n', storyNamespace, '--wait');
    assert.is(made.code, 0, made.stderr);
    await inStory(place, 'label', 'service', 'server', 'istio.io/use-waypoint=waypoint');
    await place.apply(route);
    await answers(place, (lines) => lines.at(-1) === '200 v2');
    const before = await processes(place);
    const upgraded = await place.ambit('upgrade', '-y', ...sets(place));
    assert.is(upgraded.code, 0, upgraded.stderr);
    await unharmed(place, before);
    await inStory(place, 'delete', 'httproute', 'server');
    await answers(place, (lines) => lines.at(-1) === '200 v1');
  });

  test('the mesh goes, the application stays, and nothing is left', async ({ place }) => {
    const before = await processes(place);
    await inStory(place, 'label', 'service', 'server', 'istio.io/use-waypoint-');
    await inStory(place, 'delete', 'gateway', 'waypoint');
    const gone = await place.ambit('uninstall', '-y');
    assert.is(gone.code, 0, gone.stdout + gone.stderr);
    assert.match(gone.stdout, /^The mesh is gone: \d+ objects removed, none left/m);
    const kinds = 'all,configmap,clusterrole,clusterrolebinding,validatingwebhookconfiguration';
    const ours = ['-l', 'app.kubernetes.io/part-of=ambit', '-o', 'name'];
    assert.is(await place.kubectl('get', kinds, '-A', ...ours), '');
    await answers(place, (lines) => lines.at(-1) === '200 v1');
    assert.equal(await processes(place), before);
  });
}

function sets({ values }: Place): string[] {
  return values.flatMap((value) => ['--set', value]);
}

async function inStory(place: Place, ...args: string[]): Promise<string> {
  return await place.kubectl('-n', storyNamespace, ...args);
}

/** Waits for a state of the client's log. */
async function answers(place: Place, holds: (lines: readonly string[]) => boolean): Promise<void> {
  await until('the client to be answered so', async () => holds(await log(place)) || undefined);
}

async function log(place: Place): Promise<readonly string[]> {
  const text = await inStory(place, 'logs', 'deployment/client', '--tail=100000');
  return text.trim().split('\n');
}

interface Processes {
  readonly pods: readonly string[];
}

/** The pods of the application with their restarts: the same text, the same processes. */
async function processes(place: Place): Promise<Processes> {
  const path =
    'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}';
  const text = await inStory(place, 'get', 'pods', '-l', 'story=true', '-o', path);
  return { pods: text.trim().split('\n').toSorted() };
}

/** The same processes as before, and the client has been answered since. */
async function unharmed(place: Place, before: Processes): Promise<void> {
  assert.equal(await processes(place), before);
  const { length } = await log(place);
  await answers(place, (lines) => lines.length > length + 3);
  const since = (await log(place)).slice(length);
  assert.equal(
    since.filter((line) => !line.startsWith('200 ')),
    [],
  );
}

function application(image: string): object[] {
  const deployment = (name: string, program: string, env: object[]): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: storyNamespace },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, story: 'true' } },
        spec: {
          serviceAccountName: 'default',
          terminationGracePeriodSeconds: 1,
          containers: [
            { name: 'main', image, command: ['node', '-e', program], env, ...ready(name) },
          ],
        },
      },
    },
  });
  const service = (name: string, app: string): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: storyNamespace },
    spec: { selector: { app }, ports: [{ name: 'http', port }] },
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: storyNamespace } },
    ...['v1', 'v2'].map((version) =>
      deployment(`server-${version}`, server, [{ name: 'ANSWER', value: version }]),
    ),
    service('server', 'server-v1'),
    service('server-v2', 'server-v2'),
    deployment('client', client, []),
  ];
}

function ready(name: string): object {
  return name === 'client'
    ? {}
    : { readinessProbe: { httpGet: { path: '/', port }, periodSeconds: 1 } };
}

const denial = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'nobody', namespace: storyNamespace },
  spec: {
    action: 'DENY',
    selector: { matchLabels: { app: 'server-v1' } },
    rules: [
      { from: [{ source: { principals: [`cluster.local/ns/${storyNamespace}/sa/default`] } }] },
    ],
  },
};

const route = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'server', namespace: storyNamespace },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'server', port }],
    rules: [{ backendRefs: [{ name: 'server-v2', port }] }],
  },
};
