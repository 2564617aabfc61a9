// Builds the CNI plugin as a single executable, since the hosts that run it have no Node: its modules
// as one script within Node itself (nodejs.org/api/single-executable-applications.html). The compiler
// emits CommonJS, and the script hands the modules to each other: two files need no bundler. CommonJS,
// because Node keeps compiled code (half of the start-up) only of such a script.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.join(import.meta.dirname, '..');
const entry = 'cni/plugin/main';
const sources = [entry, 'wire/cni'];
const builds = path.join(root, 'node_modules', '.ambit-plugin');
const fileName = 'ambit-cni';
/** The Node that builds: the one this repository pins, since older ones cannot. */
const pinned = path.join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
const builder = existsSync(pinned) ? pinned : process.execPath;

/** Builds the executable unless it is there already.
 * @param node the Node that becomes the executable; one of another processor architecture makes an
 * executable for that one, which starts slower, for want of compiled code
 * @returns its path @throws Error with the words of the tool that failed */
export function buildPlugin(node: string = builder): string {
  const folder = path.join(builds, digestOf(node));
  const file = path.join(folder, fileName);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(path.join(folder, 'work-'));
  try {
    const script = path.join(work, 'script.cjs');
    writeFileSync(script, joined(emitted(work)));
    const output = path.join(work, fileName);
    const settings = path.join(work, 'settings.json');
    const foreign = machineOf(node) !== machineOf(builder);
    const choices = {
      // Relative, since the executable keeps the name: the same inputs give the same bytes.
      main: path.basename(script),
      executable: path.resolve(node),
      output,
      disableExperimentalSEAWarning: true,
      useCodeCache: !foreign,
      // What the runtime's environment says to Node is not meant for the plugin.
      execArgvExtension: 'none',
    };
    writeFileSync(settings, JSON.stringify(choices));
    // Compiled code has numbers of chance in it, which otherwise differ from build to build.
    run(builder, ['--random-seed=1', `--build-sea=${settings}`], work);
    renameSync(output, file);
  } finally {
    rmSync(work, { recursive: true });
  }
  return file;
}

/** Builds one after the other are told apart by what they are made of. */
function digestOf(node: string): string {
  const hash = createHash('sha256');
  const own = path.join(root, 'tools', 'build-plugin.ts');
  const files = [own, ...sources.map((name) => path.join(root, 'src', `${name}.ts`))];
  for (const file of files) hash.update(readFileSync(file));
  hash.update(node).update(execFileSync(builder, ['--version']));
  return hash.digest('hex').slice(0, 16);
}

/** Compiles the sources into a folder; gives each module's text by its path. */
function emitted(work: string): ReadonlyMap<string, string> {
  const out = path.join(work, 'emitted');
  const choices = {
    module: 'commonjs',
    moduleResolution: 'bundler',
    target: 'es2024',
    lib: 'es2024,esnext.disposable',
    types: 'node',
    rootDir: path.join(root, 'src'),
    outDir: out,
  };
  const flags = ['ignoreConfig', 'strict', 'skipLibCheck', 'removeComments'];
  run(path.join(root, 'node_modules', '.bin', 'tsc'), [
    ...Object.entries(choices).flatMap(([name, value]) => [`--${name}`, value]),
    ...[...flags, 'rewriteRelativeImportExtensions'].map((name) => `--${name}`),
    path.join(root, 'src', `${entry}.ts`),
  ]);
  const names = readdirSync(out, { recursive: true, encoding: 'utf8' });
  const modules = names.filter((name) => name.endsWith('.js')).toSorted();
  const expected = sources.map((name) => `${name}.js`).toSorted();
  if (modules.join() !== expected.join()) {
    throw new Error(`the plugin imports ${modules.join(', ')}; only ${expected.join(', ')} may be`);
  }
  return new Map(modules.map((name) => [name, readFileSync(path.join(out, name), 'utf8')]));
}

/** One script that runs the entry. Functions in brackets are compiled, and kept so, at once. */
function joined(modules: ReadonlyMap<string, string>): string {
  const wrapped = [...modules].map(
    ([name, text]) => `${JSON.stringify(name)}: (function (exports, require) {\n${text}\n})`,
  );
  return `'use strict';
const path = require('node:path').posix;
const modules = {\n${wrapped.join(',\n')}\n};
const loaded = new Map();
function load(name) {
  if (!loaded.has(name)) {
    const exports = {};
    loaded.set(name, exports);
    const near = (wanted) =>
      wanted.startsWith('.') ? load(path.join(path.dirname(name), wanted)) : require(wanted);
    modules[name](exports, near);
  }
  return loaded.get(name);
}
load(${JSON.stringify(`${entry}.js`)});
`;
}

/** The processor that an ELF file is for (e_machine). */
function machineOf(file: string): number {
  return readFileSync(file).readUInt16LE(18);
}

function run(command: string, args: readonly string[], cwd: string = root): void {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (done.status === 0) return;
  throw new Error(`${path.basename(command)} failed: ${done.stdout}${done.stderr}`);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { node: { type: 'string' } } });
  console.log(buildPlugin(values.node));
}
