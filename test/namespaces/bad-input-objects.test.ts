// A running mesh that is given everything wrong: manifests and configuration. Each problem is told with
// its code, the last good version stays in force, and the rest goes on. The tests build on each other.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh, withoutWebhook } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');
const routing = (file: string): string => path.join(bookinfo, 'routing', file);

interface Shared {
  readonly mesh: LaptopMesh;
  readonly folder: string;
}

const test = suite<Shared>('a mesh that is given bad input', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const folder = mkdtempSync(path.join(tmpdir(), 'ambit-bad-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(bookinfo, folder, { recursive: true });
    writeFileSync(path.join(folder, 'bad.yaml'), badManifests);
    const mesh = await upMesh(stack, 'bad-objects', { folder, publish: 'productpage:9080' });
    return { mesh, folder };
  },
});

const pod = (name: string, container: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec: {${more}containers: [{name: c, image: none/such, ${container}}]}
`;

const badManifests = [
  'kind: ConfigMap\nmetadata: {name: a\n',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far, namespace: nowhere}\n',
  'apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {selectr: {a: b}, ports: [{port: 80}]}\n',
  'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bad}\nspec: {hosts: [reviews], htpp: []}\n',
  'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: bad}\n',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: first}\n',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: second}\n',
  pod('no-image', 'args: [x]'),
  pod('no-command', 'command: [no-such-program]'),
  pod('no-folder', 'command: [sleep, "900"], workingDir: /no/such/folder'),
  pod(
    'no-mount',
    'command: [sleep, "900"], volumeMounts: [{name: v, mountPath: /no/such/mount}]',
    'volumes: [{name: v, emptyDir: {}}], ',
  ),
].join('---\n');

/** What the supervisor has told so far, as `ambit up` prints it. */
function told({ stateFolder, name }: LaptopMesh): string {
  const log = readFileSync(path.join(stateFolder, name, 'logs', 'supervisor.log'), 'utf8');
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => (JSON.parse(line) as { message?: string }).message ?? '').join('\n');
}

const reviews = async (mesh: LaptopMesh, user: string): Promise<string | undefined> => {
  const got = await mesh.get('/api/v1/products/0/reviews', { cookie: `user=${user}` });
  return got.status === 200 ? (JSON.parse(got.body) as { version: string }).version : undefined;
};

test('every bad document of a folder is named, and the good ones are applied', async ({ mesh }) => {
  const text = told(mesh);
  for (const line of [
    /AMB1106 \S+bad.yaml document 1: /,
    /AMB1106 \S+bad.yaml document 2 metadata.name: /,
    /AMB1107 \S+bad.yaml document 3: .*namespaces "nowhere" not found/,
    /AMB1107 \S+bad.yaml document 4: .*AMB1202 .*unknown field "spec.selectr"/,
    /AMB1107 \S+bad.yaml document 5: .*AMB1202 .*unknown field "spec.htpp"/,
    /AMB1107 \S+bad.yaml document 6: .*AMB1207 no kind CronJob/,
    /AMB1118 \S+bad.yaml document 8 metadata.name: .*document 7/,
  ]) {
    assert.match(text, line);
  }
  assert.is(await mesh.kubectl('get', 'cm', 'twice', '-o', 'jsonpath={.data.a}'), 'first');
  const deployments = ['productpage-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3', 'ratings-v1'];
  const names = deployments.map((name) => `deployment/${name}`);
  await mesh.kubectl('wait', '--for=condition=Available', ...names, '--timeout=60s');
});

test('a pod that cannot start says why, in its state and in an event', async ({ mesh }) => {
  for (const [name, code, word] of [
    ['no-image', 'AMB1112', 'none/such'],
    ['no-command', 'AMB1115', 'no-such-program'],
    ['no-folder', 'AMB1115', '/no/such/folder'],
    ['no-mount', 'AMB1113', '/no/such/mount'],
  ] as const) {
    const path = 'jsonpath={.status.containerStatuses[0].state.waiting.message}';
    const message = await until(`the state of ${name}`, async () => {
      const text = await mesh.kubectl('get', 'pod', name, '-o', path);
      return text === '' ? undefined : text;
    });
    assert.match(message, new RegExp(`^${code} Pod default/${name} spec\\.containers\\[c\\]`));
    assert.ok(message.includes(word), message);
    const of = `involvedObject.name=${name},type=Warning`;
    assert.match(await mesh.kubectl('get', 'events', '--field-selector', of), code);
  }
});

test('an edit that breaks a good file leaves its objects as they were', async ({
  mesh,
  folder,
}) => {
  const file = path.join(folder, 'good.yaml');
  const config = (value: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: edited}\ndata: {a: ${value}}\n`;
  const value = (): Promise<string> =>
    mesh.kubectl('get', 'cm', 'edited', '-o', 'jsonpath={.data.a}');
  writeFileSync(file, config('one'));
  await until('the file to be applied', async () => (await value()) === 'one' || undefined);
  writeFileSync(file, `${config('two')}  broken: [`);
  await until('the problem', () =>
    Promise.resolve(/AMB1106 \S+good.yaml: /.test(told(mesh)) || undefined),
  );
  assert.is(await value(), 'one');
  writeFileSync(file, config('three'));
  await until('the corrected file', async () => (await value()) === 'three' || undefined);
});

test('kubectl is told of bad fields, values and kinds by the server', async ({ mesh }) => {
  for (const [text, ...words] of refusedByServer) {
    const ran = await mesh.kubectlRaw(['apply', '-f', '-'], `---\n${text}`);
    assert.is.not(ran.code, 0, text);
    // An old kubectl refuses it before the server can, by the server's own schema.
    if (ran.stderr.includes('error validating')) continue;
    for (const word of words) assert.ok(ran.stderr.includes(word), `${word} in: ${ran.stderr}`);
  }
});

const istio = (group: string, kind: string, name: string, spec: string): string =>
  `{apiVersion: ${group}/v1, kind: ${kind}, metadata: {name: ${name}}, spec: ${spec}}`;
const security = 'security.istio.io';
const networking = 'networking.istio.io';
const gateways = 'gateway.networking.k8s.io';

const refusedByServer: readonly (readonly [string, ...string[]])[] = [
  [
    '{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {selectr: {}, ports: [{port: 1}]}}',
    'AMB1202',
    'spec.selectr',
  ],
  [istio(networking, 'VirtualService', 'b', '{htpp: []}'), 'AMB1202', 'spec.htpp'],
  [istio(networking, 'VirtualService', 'b', '{hosts: reviews}'), 'AMB1203', 'spec.hosts'],
  [
    istio(security, 'PeerAuthentication', 'b', '{mtls: {mode: SOMETIMES}}'),
    'AMB1203',
    'spec.mtls.mode',
    'STRICT',
  ],
  [istio(security, 'AuthorizationPolicy', 'b', '{action: MAYBE}'), 'AMB1203', 'spec.action'],
  [
    istio(
      networking,
      'DestinationRule',
      'b',
      '{host: a, trafficPolicy: {loadBalancer: {simple: X}}}',
    ),
    'AMB1203',
    'spec.trafficPolicy.loadBalancer.simple',
  ],
  [istio(gateways, 'Gateway', 'b', '{gatewayClassName: x}'), 'AMB1203', 'spec.listeners'],
  ['{apiVersion: batch/v1, kind: CronJob, metadata: {name: b}}', 'CronJob'],
];

const nothing = 'selector: {matchLabels: {app: nothing}}';
const listener = (port: number, protocol: string): string =>
  `listeners: [{name: a, port: ${port}, protocol: ${protocol}}]`;

const toldInStatus: readonly (readonly [string, string, ...string[]])[] = [
  [
    istio(
      security,
      'AuthorizationPolicy',
      'who',
      `{${nothing}, rules: [{from: [{source: {principals: ["a*b"]}}]}]}`,
    ),
    'AMB1609',
    'spec.rules[0].from[0].source.principals[0]',
  ],
  [
    istio(
      security,
      'AuthorizationPolicy',
      'port',
      `{${nothing}, rules: [{to: [{operation: {ports: ["99999"]}}]}]}`,
    ),
    'AMB1609',
    'spec.rules[0].to[0].operation.ports[0]',
  ],
  [
    istio(
      security,
      'AuthorizationPolicy',
      'path',
      `{${nothing}, rules: [{to: [{operation: {paths: ["a*b"]}}]}]}`,
    ),
    'AMB1612',
    'spec.rules[0].to[0].operation.paths',
  ],
  [
    istio(
      networking,
      'DestinationRule',
      'twice',
      '{host: details, subsets: [{name: x}, {name: x}]}',
    ),
    'AMB1601',
    'spec.subsets[1].name',
  ],
  [
    istio(gateways, 'Gateway', 'class', `{gatewayClassName: nosuch, ${listener(15008, 'HBONE')}}`),
    'AMB1608',
    'nosuch',
  ],
  [
    istio(
      gateways,
      'Gateway',
      'listener',
      `{gatewayClassName: istio-waypoint, ${listener(80, 'HTTP')}}`,
    ),
    'AMB1617',
    'HBONE',
  ],
];

test('what only the controller can judge is refused by its webhook before it gets in', async ({
  mesh,
}) => {
  for (const [text, code, field = ''] of toldInStatus.filter(isRefused)) {
    // The webhook comes into force a moment after the controller.
    const stderr = await until(`the webhook to refuse ${text}`, async () => {
      const ran = await mesh.kubectlRaw(['apply', '--dry-run=server', '-f', '-'], `---\n${text}`);
      return ran.stderr.includes('denied the request') ? ran.stderr : undefined;
    });
    assert.match(stderr, 'admission webhook "validation.istio.io" denied the request: ');
    assert.ok(stderr.includes(`configuration is invalid: ${code} ${field}: `), stderr);
  }
});

/** Gateways are of another group, and stars in paths are only warned of. */
function isRefused([, code]: (typeof toldInStatus)[number]): boolean {
  return code === 'AMB1609' || code === 'AMB1601';
}

test('what got in is told in a condition and an event', async ({ mesh }) => {
  await withoutWebhook(mesh);
  for (const [text] of toldInStatus) {
    const ran = await mesh.kubectlRaw(['apply', '-f', '-'], `---\n${text}`);
    assert.is(ran.code, 0, ran.stderr);
  }
  for (const [text, code, ...words] of toldInStatus) {
    const [, kind = '', name = ''] = /kind: (\w+), metadata: \{name: (\w+)/.exec(text) ?? [];
    const messages = await until(`${kind} ${name} to be told of`, async () => {
      const path = 'jsonpath={.status.conditions[*].message}';
      const got = await mesh.kubectl('get', kind, name, '-o', path);
      return got.includes(code) ? got : undefined;
    });
    for (const word of words) assert.ok(messages.includes(word), messages);
    const of = `involvedObject.name=${name},type=Warning`;
    await until(
      `the event of ${kind} ${name}`,
      async () =>
        (await mesh.kubectl('get', 'events', '--field-selector', of)).includes(code) || undefined,
    );
  }
});

const badRoutes: readonly (readonly [string, string, string])[] = [
  [
    '[{match: [{uri: {regex: "(open"}}], route: [{destination: {host: reviews}}]}]',
    'AMB1602',
    'spec.http[0].match[0].uri.regex',
  ],
  [
    '[{match: [{headers: {a: {regex: "a(?=b)"}}}], route: [{destination: {host: reviews}}]}]',
    'AMB1602',
    'spec.http[0].match[0].headers["a"].regex',
  ],
  [
    '[{route: [{destination: {host: reviews}, weight: -5}]}]',
    'AMB1603',
    'spec.http[0].route[0].weight',
  ],
  [
    '[{fault: {delay: {fixedDelay: soon}}, route: [{destination: {host: reviews}}]}]',
    'AMB1605',
    'spec.http[0].fault.delay.fixedDelay',
  ],
  ['[{}]', 'AMB1604', 'spec.http[0]'],
];

const routes = (http: string): string =>
  istio(networking, 'VirtualService', 'reviews', `{hosts: [reviews], http: ${http}}`);

async function problemOf(mesh: LaptopMesh, code: string, field: string): Promise<string> {
  return await until(`${code} ${field}`, async () => {
    const path = 'jsonpath={.status.conditions[*].message}';
    const text = await mesh.kubectl('get', 'virtualservice', 'reviews', '-o', path);
    return text.includes(`${code} ${field}:`) ? text : undefined;
  });
}

test('the last valid routes stay in force while worse ones come', async ({ mesh }) => {
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
  await mesh.kubectl('apply', '-f', routing('waypoint.yaml'));
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=30s');
  await mesh.kubectl('label', 'service', 'reviews', 'istio.io/use-waypoint=waypoint');
  await mesh.kubectl('apply', '-f', routing('destination-rules.yaml'));
  await mesh.kubectl('apply', '-f', routing('reviews-jason-v2.yaml'));
  await until('Jason to see v2, others v1', async () => {
    for (let index = 0; index < 4; index++) {
      if ((await reviews(mesh, 'jason')) !== 'v2') return undefined;
      if ((await reviews(mesh, 'other')) !== 'v1') return undefined;
    }
    return true;
  });
  for (const [http, code, field] of badRoutes) {
    const ran = await mesh.kubectlRaw(['apply', '-f', '-'], `---\n${routes(http)}`);
    assert.is(ran.code, 0, ran.stderr);
    assert.match(await problemOf(mesh, code, field), 'stays in force');
    assert.is(await reviews(mesh, 'jason'), 'v2', http);
    assert.is(await reviews(mesh, 'other'), 'v1', http);
  }
});

test('a subset or host that does not exist is named to its author and to the client', async ({
  mesh,
}) => {
  for (const [destination, field] of [
    ['{host: reviews, subset: v9}', 'spec.http[0].route[0].destination.subset'],
    ['{host: nosuch}', 'spec.http[0].route[0].destination.host'],
  ] as const) {
    const http = `[{route: [{destination: ${destination}}]}]`;
    await mesh.kubectlRaw(['apply', '-f', '-'], `---\n${routes(http)}`);
    await problemOf(mesh, 'AMB1607', field);
    await until('the requests to fail', async () => {
      const got = await mesh.get('/api/v1/products/0/reviews');
      return got.status === 503 || undefined;
    });
    const why = await until('the reason on record', async () => {
      const { stdout } = await mesh.ambit('why', 'productpage', 'reviews');
      return /AMB170[45]/.test(stdout) ? stdout : undefined;
    });
    assert.match(why, 'VirtualService default/reviews http[0]');
    assert.is((await mesh.get('/api/v1/products/0')).status, 200);
  }
  await mesh.kubectl('delete', 'virtualservice', 'reviews');
  await until('reviews to be served', async () => reviews(mesh, 'other'));
});

test('ambit why does not know a name that does not exist', async ({ mesh }) => {
  const why = await mesh.ambit('why', 'nosuch', 'reviews');
  assert.is(why.code, 1);
  assert.match(why.stderr, /^AMB1806 nosuch: /);
  assert.match((await mesh.ambit('why', 'a', 'b', '--last', 'x')).stderr, /^AMB1801 --last x /);
});

test.run();
