// Everything that must hold before work is handed in, in the order of cost: format, lint, types, dead
// code, tests. `--fast` leaves the tests out.

import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);

const steps: readonly (readonly [string, string, readonly string[]])[] = [
  ['format', bin('biome'), ['check', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['types', bin('tsc'), ['-p', '.']],
  ['dead code', bin('knip'), []],
  ['tests', process.execPath, ['test/support/run.ts']],
];

for (const [name, command, args] of steps) {
  if (name === 'tests' && process.argv.includes('--fast')) continue;
  const start = performance.now();
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${done.status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (done.status !== 0) process.exit(1);
}
