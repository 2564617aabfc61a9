// Images: what is in them runs on its own, the same files give the same bytes, and the Dockerfile says the
// same of them. That they run in containers is seen in test/containers.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { AmbitError } from '../../src/runtime/errors.ts';
import { type Architecture, architectureNamed } from '../../tools/images/architecture.ts';
import { compile } from '../../tools/images/compile.ts';
import { DebianPackages } from '../../tools/images/debian.ts';
import { elfNeeds } from '../../tools/images/elf.ts';
import { imageFolders } from '../../tools/images/image-folders.ts';
import { type Layer, makeLayer } from '../../tools/images/layer.ts';
import { moduleGraph } from '../../tools/images/module-graph.ts';
import { imageConfig, writeArchive } from '../../tools/images/oci-archive.ts';
import { packageFolders } from '../../tools/images/packages.ts';
import { type ImagePart, parts } from '../../tools/images/parts.ts';
import { addLibraries } from '../../tools/images/system-files.ts';
import { suite } from '../support/suite.ts';

const test = suite('images', { deadlineMs: 60_000 });
const repository = path.resolve(import.meta.dirname, '../..');
const architecture = architectureNamed(
  process.arch === 'arm64' ? 'arm64' : 'amd64',
) as Architecture;

function folderFor(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-images-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function fillPart(part: ImagePart, folder: string): void {
  const cache = path.join(repository, 'node_modules/.ambit-images', architecture.debian);
  const debian = new DebianPackages(architecture, cache);
  const inputs = { repository, architecture, version: '1.2.3', cache, debian };
  const own = imageFolders(part, inputs).find(({ name }) => name === `part-${part.name}`)!;
  own.fill(path.join(folder, part.name));
}

for (const part of parts) {
  test(`the program of ${part.name} runs with the packages that its image has`, ({ stack }) => {
    const folder = folderFor(stack);
    fillPart(part, folder);
    const home = path.join(folder, part.name, 'opt/ambit');
    const program = path.join(home, 'src', part.entry.replace(/\.ts$/, '.js'));
    // A setting that is not valid: the program has loaded all that it imports when it says so.
    const env = { LOG_LEVEL: 'loud' };
    const ran = spawnSync(process.execPath, [program], { env, encoding: 'utf8', cwd: '/' });
    assert.is(ran.status, 1);
    assert.match(`${ran.stdout}${ran.stderr}`, 'AMB1004');
    assert.match(`${ran.stdout}${ran.stderr}`, 'LOG_LEVEL=loud');
    // What is imported only when it is wanted is there too.
    const { packages } = moduleGraph(repository, path.join('src', part.entry));
    const all = packages.map((name) => `await import(${JSON.stringify(name)});`).join('\n');
    const words = ['--input-type=module', '--eval', `${all} process.exit();`];
    const loaded = spawnSync(process.execPath, words, { encoding: 'utf8', cwd: home });
    assert.is(loaded.status, 0, loaded.stderr);
    const names = readdirSync(home, { recursive: true, encoding: 'utf8' });
    assert.equal(
      names.filter((name) => name.endsWith('.ts')),
      [],
    );
    assert.ok(!names.includes('node_modules/typescript') && !names.includes('node_modules/uvu'));
  });
}

test('compiled code keeps its lines, and imports what is compiled', () => {
  const source =
    'import { a } from \'./a.ts\';\nimport type { B } from "./b.ts";\nexport * from "./c.ts";\nconst d: number = 1;\n';
  const lines = compile(source).split('\n');
  assert.is(lines.length, source.split('\n').length);
  assert.is(lines[0], "import { a } from './a.js';");
  assert.is(lines[1]?.trim(), '');
  assert.is(lines[2], 'export * from "./c.js";');
  assert.is(lines[3]?.replaceAll(/\s+/g, ' '), 'const d = 1;');
});

/** A folder with some files, made in another order and with other modes and times. */
function someFiles(folder: string, names: readonly string[], mode: number, seconds: number): void {
  for (const name of names) {
    const place = path.join(folder, name);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, `this is ${name}\n`);
    chmodSync(place, mode);
    utimesSync(place, seconds, seconds);
  }
}

test('the same files give the same layer', async ({ stack }) => {
  const folder = folderFor(stack);
  const names = ['b/two', 'a', 'b/one'];
  const [first, second] = [path.join(folder, 'first'), path.join(folder, 'second')];
  someFiles(first, names, 0o600, 1_000_000_000);
  someFiles(second, names.toReversed(), 0o664, 1_500_000_000);
  const make = (from: string): Promise<Layer> =>
    makeLayer(from, 'files', path.join(folder, `kept-${path.basename(from)}`), 'gzip');
  const layers = [await make(first), await make(second)];
  assert.is(layers[0]?.digest, layers[1]?.digest);
  assert.is(layers[0]?.diffId, layers[1]?.diffId);
  const listed = execFileSync('tar', ['tvf', layers[0]!.file, '--utc'], { encoding: 'utf8' });
  for (const line of listed.trim().split('\n')) assert.match(line, /0\/0 .* 1970-01-01 00:00/);
});

test('an archive says of each blob what it is', async ({ stack }) => {
  const folder = folderFor(stack);
  const from = path.join(folder, 'files');
  someFiles(from, ['usr/bin/node'], 0o755, 1);
  const layers = [await makeLayer(from, 'files', path.join(folder, 'kept'), 'gzip')];
  const images = parts.map((part) => ({ part, reference: `ambit/${part.name}:1.2.3`, layers }));
  const file = path.join(folder, 'images.tar');
  writeArchive(images, { file, architecture, version: '1.2.3' });
  const read = (name: string): Buffer =>
    execFileSync('tar', ['xOf', file, name], { maxBuffer: 1 << 26 });
  const blob = ({ digest, size }: { digest: string; size: number }): Buffer => {
    const bytes = read(`blobs/sha256/${digest.slice('sha256:'.length)}`);
    assert.is(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest);
    assert.is(bytes.length, size);
    return bytes;
  };
  const index = JSON.parse(read('index.json').toString()) as {
    manifests: { digest: string; size: number; annotations: Record<string, string> }[];
  };
  assert.equal(
    index.manifests.map(({ annotations }) => annotations['io.containerd.image.name']),
    parts.map(({ name }) => `docker.io/ambit/${name}:1.2.3`),
  );
  for (const [position, entry] of index.manifests.entries()) {
    const manifest = JSON.parse(blob(entry).toString()) as {
      config: { digest: string; size: number };
      layers: { digest: string; size: number }[];
    };
    for (const layer of manifest.layers) blob(layer);
    const config: unknown = JSON.parse(blob(manifest.config).toString());
    assert.equal(config, imageConfig(images[position]!, { architecture, version: '1.2.3' }));
  }
});

test('knows what a program is linked with', ({ stack }) => {
  const needs = elfNeeds(process.execPath);
  assert.ok(needs?.libraries.includes('libc.so.6'));
  assert.match(needs?.interpreter ?? '', 'ld-linux');
  assert.is(elfNeeds(import.meta.filename), undefined);
  const refused = (): unknown =>
    addLibraries([process.execPath], [], architecture, folderFor(stack));
  assert.throws(refused, (error: AmbitError) => error.code === 'AMB1034');
});

test('names a package that is not installed', () => {
  assert.throws(
    () => packageFolders(repository, ['no-such-package']),
    (error: unknown) => error instanceof AmbitError && error.code === 'AMB1032',
  );
});

test('refuses words it does not know', () => {
  for (const words of [
    ['--arch', 'sparc'],
    ['--compression', 'zip'],
    ['--rootfs', '/nowhere'],
  ]) {
    const tool = path.join(repository, 'tools/images.ts');
    const ran = spawnSync(process.execPath, [tool, ...words], { encoding: 'utf8' });
    assert.is(ran.status, 1);
    assert.match(ran.stderr, 'AMB1801');
  }
});

interface Config {
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly WorkingDir: string;
    readonly ExposedPorts: object;
    readonly StopSignal: string;
  };
}

test('the Dockerfile says the same of each image', () => {
  const text = readFileSync(path.join(repository, 'deploy/images/Dockerfile'), 'utf8');
  const stages = new Map(
    text
      .split(/^FROM scratch AS /m)
      .slice(1)
      .map((stage) => [/^\S+/.exec(stage)![0], stage]),
  );
  assert.equal(
    [...stages.keys()],
    parts.map(({ name }) => name),
  );
  for (const part of parts) {
    const { config } = imageConfig({ part, layers: [] }, { architecture, version: '1' }) as Config;
    const stage = stages.get(part.name)!;
    const word = (name: string): string => new RegExp(`^${name} (.*)$`, 'm').exec(stage)?.[1] ?? '';
    assert.is(word('USER'), config.User);
    assert.is(word('ENV'), config.Env.join(' '));
    assert.is(word('WORKDIR'), config.WorkingDir);
    assert.is(word('STOPSIGNAL'), config.StopSignal);
    assert.equal(JSON.parse(word('ENTRYPOINT')), config.Entrypoint);
    const ports = word('EXPOSE')
      .split(' ')
      .map((port) => `${port}/tcp`);
    assert.equal(ports, Object.keys(config.ExposedPorts));
    assert.is(word('COPY'), `--from=build /out/${part.name} /`);
  }
});

test.run();
