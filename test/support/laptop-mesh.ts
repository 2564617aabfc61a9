// A whole mesh of this machine for tests: brought up and taken down by the command line, driven by
// the stock kubectl.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ambit, freePort, type Got, get, type Ran } from '../../demo/mesh.ts';

/** A mesh that is up. */
export interface LaptopMesh {
  readonly name: string;
  readonly stateFolder: string;
  readonly kubeconfig: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs `ambit ARGS --name NAME`. */
  ambit(...args: string[]): Promise<Ran>;
  /** Runs the stock kubectl; rejects when it fails. Answers its standard output. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs kubectl with standard input, and answers whatever came. */
  kubectlRaw(args: readonly string[], input?: string): Promise<Ran>;
  /** GET on a published port. */
  get(where: string, headers?: Record<string, string>): Promise<Got>;
}

export interface LaptopMeshOptions {
  readonly folder?: string;
  /** `SERVICE:PORT` to publish on the host's loopback. */
  readonly publish?: string;
  readonly args?: readonly string[];
}

/** Brings a mesh up; the stack takes it down, whatever happened, and fails if anything is left. */
export async function upMesh(
  stack: AsyncDisposableStack,
  purpose: string,
  options: LaptopMeshOptions = {},
): Promise<LaptopMesh> {
  // Two runs of a suite on one machine must not take each other's mesh.
  const name = `${purpose}-${process.pid}`;
  const stateFolder = mkdtempSync(path.join(os.tmpdir(), 'ambit-test-'));
  stack.defer(() => rmSync(stateFolder, { recursive: true, force: true }));
  const env = { ...process.env, AMBIT_STATE_DIR: stateFolder, HOME: stateFolder };
  const kubeconfig = path.join(stateFolder, name, 'kubeconfig');
  const port = options.publish === undefined ? 0 : await freePort();
  const runAmbit = (...args: string[]): Promise<Ran> =>
    ambit([...args, '--name', name], { ...env, KUBECONFIG: kubeconfig });
  stack.defer(async () => {
    const down = await runAmbit('down');
    if (down.code !== 0) throw new Error(`ambit down left something: ${down.stdout}${down.stderr}`);
  });
  const up = await runAmbit(
    'up',
    ...(options.folder === undefined ? [] : [options.folder]),
    ...(options.publish === undefined ? [] : ['--publish', `${port}:${options.publish}`]),
    ...(options.args ?? []),
    '--detach',
  );
  if (up.code !== 0) throw new Error(`ambit up failed: ${up.stdout}${up.stderr}`);
  const kubectlRaw = (args: readonly string[], input?: string): Promise<Ran> =>
    runProgram('kubectl', args, { ...env, KUBECONFIG: kubeconfig }, input);
  return {
    name,
    stateFolder,
    kubeconfig,
    env,
    ambit: runAmbit,
    kubectlRaw,
    async kubectl(...args) {
      const ran = await kubectlRaw(args);
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.stderr}`);
      return ran.stdout;
    },
    get: (where, headers) => get(port, where, headers),
  };
}

/** Takes the validating webhook away for good, so that invalid objects get in: what happens then is to be
 * seen too. */
export async function withoutWebhook(mesh: LaptopMesh): Promise<void> {
  const configuration = 'validatingwebhookconfiguration/istio-validator-istio-system';
  await mesh.kubectl('delete', configuration);
}

/** Runs a program to its end. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
    child.stdin.end(input ?? '');
  });
}
