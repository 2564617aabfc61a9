// Running outside programs inside a pod's network, and finding whether they are there.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { type ToolName, toolPackages } from '../names.ts';

/** The most output of a program that is kept. */
const maxOutputBytes = 16 * 1024 * 1024;

/** Which of these programs are on no folder of PATH. */
export function missingTools(tools: readonly ToolName[], searchPath: string): readonly ToolName[] {
  const folders = searchPath.split(':').filter((folder) => folder !== '');
  return tools.filter((tool) => !folders.some((folder) => existsSync(path.join(folder, tool))));
}

/** Why a measurement cannot be made here. */
export function missingToolText(missing: readonly ToolName[]): string {
  const packages = missing.map((tool) => toolPackages[tool]).join(' ');
  return `AMB1002 ${missing.join(', ')} not found. As root: apt-get install ${packages}`;
}

/** Runs a program in a namespace and gives its standard output.
 * @throws AmbitError AMB1831 when it fails, prints too much, or the signal ends it */
export async function runTool(
  namespace: NetworkNamespace,
  words: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<string> {
  const [program, ...args] = words;
  const child = namespace.run(() =>
    spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' }),
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    if (stdout.length > maxOutputBytes) child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < 4096) stderr += chunk.toString();
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  let code: number | null;
  try {
    code = await promise;
  } catch (error) {
    throw new AmbitError('AMB1831', 'it did not end in time', {
      object: program,
      cause: error,
    });
  }
  if (code === 0) return stdout;
  const complaint = (stderr.trim() || stdout.trim()).slice(-400);
  throw new AmbitError('AMB1831', `it ended with ${code ?? 'a signal'}: ${complaint}`, {
    object: program,
  });
}
