// Holds the architecture: who may import whom, where a package lives, no cycles, no dead files, and
// tests that really run. The rules are explained in ARCHITECTURE.md.

import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from './support/suite.ts';

const test = suite('architecture');
const root = path.resolve(import.meta.dirname, '..');

/** What each floor may import, beside itself. */
const floors: Readonly<Record<string, readonly string[]>> = {
  mesh: [],
  runtime: ['mesh'],
  wire: ['mesh'],
  linux: [],
  dataplane: ['mesh', 'wire', 'runtime', 'linux'],
  ztunnel: ['mesh', 'wire', 'runtime', 'linux', 'dataplane'],
  waypoint: ['mesh', 'wire', 'runtime', 'dataplane'],
  controller: ['mesh', 'wire', 'runtime'],
  cni: ['mesh', 'wire', 'runtime', 'linux'],
  standalone: ['mesh', 'wire', 'runtime', 'linux'],
  cli: ['mesh', 'wire', 'runtime', 'linux', 'standalone'],
};

/** Parts of planes that other floors may import, since they are pure: `ambit validate` and `ambit analyze`
 * judge by the very code that the controller judges by. */
const pureParts: Readonly<Record<string, readonly string[]>> = {
  cli: ['src/controller/kinds/', 'src/controller/translate/', 'src/controller/objects.ts'],
};

/** The only places that may import a package. */
const homes: Readonly<Record<string, readonly string[]>> = {
  '@kubernetes/client-node': ['src/controller/kubernetes/', 'src/cni/agent/', 'src/cli/'],
  '@bufbuild/protobuf': ['src/wire/'],
  '@grpc/grpc-js': ['src/controller/publish/', 'src/controller/ca/', 'src/dataplane/'],
  '@opentelemetry/sdk-node': ['src/runtime/'],
  'http2-wrapper': ['src/waypoint/upstream/'],
  koffi: ['src/linux/'],
  'node-forge': [
    'src/controller/ca/',
    'src/dataplane/certificates/',
    'src/standalone/api/',
    'src/wire/',
  ],
  pino: ['src/runtime/'],
  'prom-client': ['src/runtime/'],
  re2js: ['src/controller/', 'src/waypoint/', 'src/cli/'],
  undici: ['src/waypoint/'],
  yaml: [
    'src/standalone/',
    'src/cli/',
    'src/controller/translate/mesh-config.ts',
    'src/controller/waypoint-overrides.ts',
  ],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const allFiles = ['src', 'test', 'tools', 'demo', 'bench', 'examples'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((name) => name.endsWith('.ts')),
);
const source = allFiles.filter((file) => file.startsWith('src/') && !file.endsWith('_pb.ts'));
const texts = new Map(allFiles.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
const importPattern = /(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g;

const imports: readonly Import[] = allFiles.flatMap((file) =>
  [...texts.get(file)!.matchAll(importPattern)].map((match) => ({
    file,
    target: match[1]!.startsWith('.') ? path.join(path.dirname(file), match[1]!) : match[1]!,
  })),
);
const sourceImports = imports.filter(({ file }) => source.includes(file));

const floorOf = (file: string): string => file.split('/')[1]!;

test('looks at every file', () => {
  assert.ok(source.length > 50, `only ${source.length} source files seen`);
  assert.ok(sourceImports.length > source.length);
});

test('imports point down the floors', () => {
  const wrong = sourceImports.filter(({ file, target }) => {
    if (!target.startsWith('src/')) return target.includes('/') && allFiles.includes(target);
    const from = floorOf(file);
    const to = floorOf(target);
    if (pureParts[from]?.some((part) => target.startsWith(part)) === true) return false;
    return from !== to && floors[from]?.includes(to) !== true;
  });
  assert.equal(wrong, [], 'see "Who may import whom" in ARCHITECTURE.md');
});

test('every package stays in its home', () => {
  const wrong = sourceImports.filter(({ file, target }) => {
    if (target.startsWith('src/') || target.startsWith('node:')) return false;
    const name = target
      .split('/')
      .slice(0, target.startsWith('@') ? 2 : 1)
      .join('/');
    if (builtinModules.includes(name)) return true;
    return homes[name]?.some((home) => file.startsWith(home)) !== true;
  });
  assert.equal(wrong, [], 'see "Packages and their homes" in ARCHITECTURE.md');
});

test('the model does no input or output', () => {
  const wrong = sourceImports.filter(
    ({ file, target }) =>
      file.startsWith('src/mesh/') && !target.startsWith('src/mesh/') && target !== 'node:net',
  );
  assert.equal(wrong, []);
});

test('the parts of the controller that the command line shares do no input or output', () => {
  const parts = pureParts['cli'] ?? [];
  const pure = [...parts, 'src/mesh/', 'node:crypto', 're2js', 'yaml'];
  const wrong = sourceImports.filter(
    ({ file, target }) =>
      parts.some((part) => file.startsWith(part)) && !pure.some((one) => target.startsWith(one)),
  );
  assert.equal(wrong, []);
});

test('the CNI plugin imports only node modules and its own wire format', () => {
  const wrong = sourceImports.filter(
    ({ file, target }) =>
      file.startsWith('src/cni/plugin/') &&
      !target.startsWith('node:') &&
      !target.startsWith('src/cni/plugin/') &&
      target !== 'src/wire/cni.ts',
  );
  assert.equal(wrong, []);
});

test('no file imports itself through others', () => {
  const graph = new Map<string, string[]>();
  for (const { file, target } of sourceImports) {
    graph.set(file, [...(graph.get(file) ?? []), target]);
  }
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' > '));
    if (done.has(file) || trail.includes(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of source) visit(file, []);
  assert.equal(cycles, []);
});

test('every source file is used', () => {
  const used = new Set(
    imports.filter(({ file }) => !file.startsWith('test/')).map(({ target }) => target),
  );
  const dead = source.filter((file) => !used.has(file) && path.basename(file) !== 'main.ts');
  assert.equal(dead, [], 'delete what nobody imports');
});

test('only entry files read the environment', () => {
  const wrong = source.filter(
    (file) => path.basename(file) !== 'main.ts' && texts.get(file)!.includes('process.env'),
  );
  assert.equal(wrong, []);
});

test('every test file runs all of its tests', () => {
  const testFiles = allFiles.filter((file) => file.endsWith('.test.ts'));
  assert.ok(testFiles.length > 5);
  for (const file of testFiles) {
    const text = texts.get(file)!;
    assert.match(text, /^\w+\.run\(\);$/m, `${file} never runs its suite`);
    assert.not.match(text, /\.(?:only|skip)\(/, `${file} leaves tests out`);
    assert.not.match(text, /^import .* from 'uvu';$/m, `${file} must use test/support/suite.ts`);
  }
});

test('files stay small', () => {
  const lengths = source
    .map((file) => texts.get(file)!.split('\n').length)
    .toSorted((a, b) => a - b);
  assert.ok(
    lengths[lengths.length >> 1]! <= 100,
    `the median file has ${lengths[lengths.length >> 1]} lines`,
  );
  assert.ok(lengths.at(-1)! <= 401, `the longest file has ${lengths.at(-1)} lines`);
});

test.run();
