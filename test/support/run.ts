// Runs the test files, each in a process of its own, and ends on "N passed, N failed". Arguments
// are parts of file names to run only those. A file that hangs, dies or leaks counts as failed.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
/** Files that build namespaces, containers or whole meshes, which mostly wait. */
const meshes = /^test\/(?:namespaces|containers)\//;
const fileDeadlineMs = 240_000;

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

function runFile(file: string): Promise<Outcome> {
  const start = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const timer = setTimeout(() => {
      output += `\n${file} did not finish within ${fileDeadlineMs} ms\n`;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
    }, fileDeadlineMs);
    child.on('close', (code) => {
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
// nothing, as their names differ; the lane that has no other files left helps with them.
const meshFiles = files.filter((file) => meshes.test(file));
const otherFiles = files.filter((file) => !meshes.test(file));
await Promise.all([
  runInTurn(() => meshFiles.shift()),
  runInTurn(() => meshFiles.pop()),
  runInTurn(() => otherFiles.shift() ?? meshFiles.shift()),
]);

const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
for (const outcome of outcomes.filter((one) => one.failed > 0)) console.log(`FAIL ${outcome.file}`);
if (files.length === 0) console.log('no test file matches');
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
