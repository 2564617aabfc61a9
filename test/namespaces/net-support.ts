// A local network with pods made by the real base plugin, for the tests of this folder.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { LocalNetwork } from '../../src/standalone/network/local-network.ts';
import { installBasePlugin } from '../../src/standalone/network/plugin-program.ts';
import { removeLocalNetwork } from '../../src/standalone/network/remove-network.ts';

/** A pod of a test. */
export interface TestPod {
  readonly id: string;
  readonly node: string;
  readonly namespacePath: string;
  readonly namespace: NetworkNamespace;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly result: CniResult;
}

export interface CniResult {
  readonly cniVersion: string;
  readonly code?: number;
  readonly msg?: string;
  readonly ips?: readonly { readonly address: string; readonly gateway: string }[];
  readonly interfaces?: readonly { readonly name: string; readonly sandbox?: string }[];
}

/** A network with its own state folder. */
export class TestNetwork {
  readonly network: LocalNetwork;
  readonly folder: string;
  #pods = 0;

  private constructor(network: LocalNetwork, folder: string) {
    this.network = network;
    this.folder = folder;
  }

  /** Made anew, whatever an earlier run left; removed with the stack. */
  static async create(
    stack: AsyncDisposableStack,
    mesh: string,
    nodes: readonly string[] = ['node1', 'node2'],
  ): Promise<TestNetwork> {
    const folder = mkdtempSync(path.join(tmpdir(), `ambit-${mesh}-`));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const nodesFolder = path.join(folder, 'nodes');
    await removeLocalNetwork({ mesh, nodesFolder, clock: systemClock });
    const network = stack.use(await LocalNetwork.create({ mesh, nodes, nodesFolder }));
    await installBasePlugin(path.join(folder, 'bin'));
    return new TestNetwork(network, folder);
  }

  /** Runs the base plugin as a container runtime does. */
  cni(
    node: string,
    environment: Readonly<Record<string, string>>,
    more: object = {},
  ): { status: number | null; output: CniResult | undefined; stderr: string } {
    const config = { cniVersion: '1.0.0', name: 'ambit', ...this.network.node(node).cniPlugin() };
    const { status, stdout, stderr } = spawnSync(path.join(this.folder, 'bin/ambit-bridge'), {
      input: JSON.stringify({ ...config, ...more }),
      env: { CNI_PATH: path.join(this.folder, 'bin'), ...environment },
      encoding: 'utf8',
    });
    return {
      status,
      stderr,
      output: stdout.trim() === '' ? undefined : (JSON.parse(stdout) as CniResult),
    };
  }

  /** A namespace attached to a node; taken down with the stack. */
  pod(stack: AsyncDisposableStack, node: string): TestPod {
    const id = `pod${++this.#pods}`;
    const namespacePath = path.join(this.folder, 'nodes', node, 'run/netns', id);
    const namespace = stack.use(NetworkNamespace.create(namespacePath));
    stack.defer(() => removeNamespaceMount(namespacePath));
    const environment = environmentOf('ADD', id, namespacePath);
    const { status, output, stderr } = this.cni(node, environment);
    if (status !== 0 || output?.ips === undefined) {
      throw new Error(`ADD failed: ${JSON.stringify(output)} ${stderr}`);
    }
    const [ipv4 = '', ipv6 = ''] = output.ips.map((one) => one.address.split('/')[0]);
    return { id, node, namespacePath, namespace, ipv4, ipv6, result: output };
  }
}

/** The variables of the CNI protocol. */
export function environmentOf(
  command: string,
  id: string,
  namespacePath: string,
): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: namespacePath,
    CNI_IFNAME: 'eth0',
  };
}

/** Runs a program inside a namespace to its end. */
export async function runIn(
  namespace: NetworkNamespace,
  command: string,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = namespace.run(() =>
    spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } }),
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  return { code: await promise, stdout, stderr };
}
