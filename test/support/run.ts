// Runs the test files, each in a process of its own, and ends on "N passed, N failed". Arguments
// are parts of file names to run only those. A file that hangs, dies or leaks counts as failed.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
/** Files that build namespaces, containers or whole meshes, which mostly wait. */
const meshes = /^test\/(?:namespaces|containers)\//;
const fileDeadlineMs = 240_000;
/** What meshes and images keep at once while the suite runs, with room to spare. */
const temporaryBytes = 6 * 1024 ** 3;

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
  readonly seconds: number;
}

const wanted = process.argv.slice(2);
const files = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => path.join('test', name))
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .toSorted();

/** Where the tests keep what they make: in memory where there is enough of it, since meshes otherwise wait for
 * the disk more than for anything else. */
function makeTemporaryFolder(): string {
  const memory = '/dev/shm';
  let free = 0;
  try {
    const { bavail, bsize } = statfsSync(memory);
    free = Math.min(bavail * bsize, os.freemem());
  } catch {
    // There is none.
  }
  const parent = free >= temporaryBytes ? memory : os.tmpdir();
  const folder = mkdtempSync(path.join(parent, 'ambit-tests-'));
  // Some tests run as other users.
  chmodSync(folder, 0o1777);
  return folder;
}

const temporary = makeTemporaryFolder();
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
const running = new Set<ChildProcess>();

function runFile(file: string): Promise<Outcome> {
  const start = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: temporary, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    running.add(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const timer = setTimeout(() => {
      output += `\n${file} did not finish within ${fileDeadlineMs} ms\n`;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
    }, fileDeadlineMs);
    child.on('close', (code) => {
      running.delete(child);
      clearTimeout(timer);
      resolve(outcomeOf(file, code, output, (performance.now() - start) / 1000));
    });
  });
}

/** Counts from uvu's summary; a process that ends badly fails at least once. */
function outcomeOf(file: string, code: number | null, output: string, seconds: number): Outcome {
  const total = sumOf(output, /^\s*Total:\s+(\d+)/gm);
  const passed = sumOf(output, /^\s*Passed:\s+(\d+)/gm);
  const bad = code !== 0 || total === 0;
  return { file, passed, failed: Math.max(total - passed, bad ? 1 : 0), output, seconds };
}

function sumOf(output: string, pattern: RegExp): number {
  return [...output.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);
}

function report(outcome: Outcome): void {
  const mark = outcome.failed === 0 ? 'ok  ' : 'FAIL';
  console.log(`${mark} ${outcome.file} (${outcome.passed}, ${outcome.seconds.toFixed(1)} s)`);
  if (outcome.failed > 0) console.log(outcome.output);
}

const outcomes: Outcome[] = [];

async function runInTurn(next: () => string | undefined): Promise<void> {
  for (let file = next(); file !== undefined; file = next()) {
    const outcome = await runFile(file);
    outcomes.push(outcome);
    report(outcome);
  }
}

// Meshes mostly wait, so two of them and another file fill the two cores of the smallest machine. They share
// nothing, as their names differ; a lane that has no files of its kind left helps with the others.
const meshFiles = files.filter((file) => meshes.test(file));
const otherFiles = files.filter((file) => !meshes.test(file));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Files that run clean up after themselves.
    meshFiles.length = 0;
    otherFiles.length = 0;
    for (const child of running) child.kill('SIGTERM');
  });
}
await Promise.all([
  runInTurn(() => meshFiles.shift() ?? otherFiles.shift()),
  runInTurn(() => meshFiles.pop() ?? otherFiles.pop()),
  runInTurn(() => otherFiles.shift() ?? meshFiles.shift()),
]);

const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
for (const outcome of outcomes.filter((one) => one.failed > 0)) console.log(`FAIL ${outcome.file}`);
if (files.length === 0) console.log('no test file matches');
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
