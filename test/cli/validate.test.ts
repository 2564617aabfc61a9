// `ambit validate`: files, folders and standard input, without a cluster.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { validate } from '../../src/cli/commands/validate.ts';
import { stepsOf } from '../../src/cli/objects/read-documents.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { suite } from '../support/suite.ts';

const test = suite<{ readonly folder: string }>('ambit validate', {
  setup: ({ stack }) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-validate-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    return Promise.resolve({ folder });
  },
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly error: string;
}

async function run(folder: string, args: readonly string[], input = ''): Promise<Ran> {
  let stdout = '';
  const context = {
    stdout: (text: string) => void (stdout += text),
    stderr: () => {},
    env: {},
    cwd: folder,
    terminal: { stdout: false, stderr: false },
    stdin: () => Promise.resolve(input),
    signal: new AbortController().signal,
  };
  try {
    const code = await validate.run(args, context);
    return { code, stdout, error: '' };
  } catch (error) {
    assert.instance(error, AmbitError);
    return { code: 1, stdout, error: (error as AmbitError).message };
  }
}

const good = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: good}
spec:
  hosts: [reviews]
  http:
    - route: [{destination: {host: reviews}}]
`;
const bad = `apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: bad, namespace: shop}
spec:
  hosts: [reviews]
  htpp: []
  http:
    - match:
        - uri:
            regex: "(a"
      route:
        - destination: {host: reviews}
          weight: -3
`;
const other = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {}\n';

test('a folder is read with all that is below, and each problem has its line', async ({
  folder,
}) => {
  mkdirSync(path.join(folder, 'below'));
  writeFileSync(path.join(folder, 'good.yaml'), `${good}---\n${other}`);
  writeFileSync(path.join(folder, 'below', 'bad.yml'), `${other}---\n${bad}`);
  writeFileSync(path.join(folder, 'notes.txt'), 'not: [yaml');
  const ran = await run(folder, ['-f', '.']);
  assert.is(ran.code, 1);
  assert.match(ran.error, 'AMB1692 1 of 2 files would be refused');
  const file = 'below/bad.yml';
  for (const line of [
    `${file}:11: VirtualService/bad/shop: AMB1202 spec.htpp: unknown field`,
    `${file}:15: VirtualService/bad/shop: AMB1602 spec.http[0].match[0].uri.regex: "(a" is not RE2`,
    `${file}:18: VirtualService/bad/shop: AMB1603 spec.http[0].route[0].weight: -3 is negative`,
    `"${file}" is not valid`,
    '"good.yaml" is valid',
  ]) {
    assert.ok(ran.stdout.includes(line), `${line} in:\n${ran.stdout}`);
  }
});

test('standard input that is valid succeeds with the words of istioctl', async ({ folder }) => {
  assert.equal(await run(folder, ['-'], good), {
    code: 0,
    stdout: 'validation succeed\n',
    error: '',
  });
});

test('warnings are told and do not fail', async ({ folder }) => {
  const odd = good.replace('host: reviews}}', 'host: reviews}, weight: 40}');
  const ran = await run(folder, ['-f', '-'], odd);
  assert.is(ran.code, 0);
  assert.match(
    ran.stdout,
    'VirtualService/good/default: warning: AMB1654 spec.http[0].route[0].weight',
  );
  assert.match(ran.stdout, '"standard input" has warnings');
});

test('programs get the same as JSON or YAML', async ({ folder }) => {
  for (const form of ['json', 'yaml']) {
    const ran = await run(folder, ['-', '-o', form], bad);
    assert.is(ran.code, 1);
    const value = parse(ran.stdout) as { valid: boolean; files: { objects: object[] }[] };
    assert.is(value.valid, false);
    const [object] = value.files[0]!.objects as { name: string; errors: { code: string }[] }[];
    assert.is(object!.name, 'bad');
    const codes = object!.errors.map(({ code }) => code);
    assert.equal(codes.toSorted(), ['AMB1202', 'AMB1602', 'AMB1603']);
  }
});

test('items of lists are judged one by one', async ({ folder }) => {
  const items = [good, bad].map((text) => parse(text) as object);
  const list = { apiVersion: 'v1', kind: 'List', items };
  const ran = await run(folder, ['-'], JSON.stringify(list, null, 2));
  assert.match(ran.stdout, /standard input:\d+: VirtualService\/bad\/shop: AMB1602/);
});

test('what a version, a type or a kind does not have is refused as by the API server', async ({
  folder,
}) => {
  for (const [text, words] of [
    [good.replace('istio.io/v1', 'istio.io/v9'), 'AMB1681 apiVersion: '],
    [good.replace('[reviews]', 'reviews'), 'AMB1203 spec.hosts: '],
    [good.replace('VirtualService', 'VirtualServer'), 'AMB1681 kind: unrecognized type'],
    [good.replace('\nspec:', '\nhosts: [a]\nspec:'), 'AMB1683 hosts: unknown field'],
    [
      good.replace('good}', 'good, annotations: {istio.io/dry-run: "true"}}'),
      'AMB1684 metadata.ann',
    ],
  ] as const) {
    const ran = await run(folder, ['-'], text);
    assert.is(ran.code, 1, words);
    assert.ok(ran.stdout.includes(words), `${words} in:\n${ran.stdout}`);
  }
});

test('what is no object is told with its line, and the rest is judged', async ({ folder }) => {
  const text = `${good}---\n- a list\n---\nkind: Service\n---\n{broken\n---\n${bad}`;
  const ran = await run(folder, ['-'], text);
  for (const line of [
    'standard input:9: AMB1693 the document is no object',
    'standard input:11: AMB1693 apiVersion is missing',
    'VirtualService/bad/shop',
  ]) {
    assert.ok(ran.stdout.includes(line), `${line} in:\n${ran.stdout}`);
  }
});

test('missing files, empty input and wrong words of the command have codes', async ({ folder }) => {
  assert.match((await run(folder, [])).error, 'AMB1801');
  assert.match((await run(folder, ['-f', 'nowhere.yaml'])).error, /AMB1693 nowhere.yaml: /);
  assert.match((await run(folder, ['-'], '')).error, 'AMB1693');
  assert.match((await run(folder, ['-', '-o', 'xml'], good)).error, 'AMB1801');
});

test('paths of fields are taken apart as messages write them', () => {
  assert.equal(stepsOf('spec.http[0].match[12].headers["a.b"].regex'), [
    'spec',
    'http',
    0,
    'match',
    12,
    'headers',
    'a.b',
    'regex',
  ]);
});

test.run();
