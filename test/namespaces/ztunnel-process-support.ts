// A node proxy as a process of its own, with a stand-in for the controller and one for the node agent.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { applyRedirection } from '../../src/cni/redirect/apply.ts';
import { SeqpacketServer, type SeqpacketSocket } from '../../src/linux/seqpacket.ts';
import { encodeAddress, type MeshAddress, nameOfAddress } from '../../src/wire/address.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { decodeZdsAck, encodeZdsRequest } from '../../src/wire/zds.ts';
import { addresses, makePodNetwork, type PodNetwork, probeAddresses } from '../cni/pod-network.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type StandIn, startController } from '../support/controller.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';

export const main = path.resolve(import.meta.dirname, '../../src/ztunnel/main.ts');

const workload = (name: 'alpha' | 'beta') =>
  aWorkload(name, { addresses: Object.values(addresses[name]).map(ipAddress) });

export const published: readonly MeshAddress[] = [
  { kind: 'workload', workload: workload('alpha') },
  { kind: 'workload', workload: workload('beta') },
  { kind: 'service', service: aService('echo') },
];

/** Publishes the same to every stream. */
export function publishAll(controller: StandIn): void {
  controller.onRequest = (stream, request) => {
    if (request.responseNonce !== '') return;
    const resources = request.typeUrl === typeUrls.address ? published : [];
    stream.write({
      systemVersion: 'feedface00000000',
      typeUrl: request.typeUrl,
      nonce: request.typeUrl,
      resources: resources.map((address) => ({
        name: nameOfAddress(address),
        version: '1',
        aliases: [],
        bytes: encodeAddress(address),
      })),
      removed: [],
    });
  };
}

export interface Running {
  readonly ports: readonly [admin: number, stats: number, readiness: number];
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

export async function startProcess(
  stack: AsyncDisposableStack,
  controller: StandIn,
  socketPath: string,
): Promise<Running> {
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      XDS_ADDRESS: controller.access.address,
      CA_ADDRESS: `https://${controller.access.address}`,
      XDS_ROOT_CA: controller.access.rootCertPath,
      AUTH_TOKEN: controller.access.tokenPath,
      NODE_NAME: 'node1',
      POD_NAME: 'ztunnel-x',
      INPOD_UDS: socketPath,
      ADMIN_PORT: '0',
      STATS_PORT: '0',
      READINESS_PORT: '0',
    },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  stack.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = createInterface({ input: child.stdout });
  const ports = await new Promise<number[]>((resolve) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as { message: string; ports: number[] };
      if (entry.message === 'started') resolve(entry.ports);
    });
  });
  return {
    ports: ports as unknown as Running['ports'],
    exited,
    kill: (signal) => void child.kill(signal),
  };
}

export async function get(port: number, route: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${route}`);
  return { status: response.status, body: await response.text() };
}

export async function until(signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends one request to the proxy and answers its complaint. */
export async function ask(
  socket: SeqpacketSocket,
  request: Parameters<typeof encodeZdsRequest>[0],
  namespacePath?: string,
): Promise<string> {
  const descriptor = namespacePath === undefined ? undefined : openSync(namespacePath, 'r');
  await socket.send(encodeZdsRequest(request), descriptor === undefined ? [] : [descriptor]);
  if (descriptor !== undefined) closeSync(descriptor);
  const answer = await socket.receive();
  const ack = decodeZdsAck(answer!.bytes);
  return ack.kind === 'ok' ? ack.value.error : ack.problem;
}

/** A node with its two pods, the controller and the agent's socket, and no proxy yet. */
export interface NodeForProcesses {
  readonly network: PodNetwork;
  readonly controller: StandIn;
  readonly agent: SeqpacketServer;
  readonly socketPath: string;
}

export async function prepareNode(stack: AsyncDisposableStack): Promise<NodeForProcesses> {
  const network = await makePodNetwork(stack);
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-ztunnel-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = path.join(folder, 'ztunnel.sock');
  const agent = stack.use(SeqpacketServer.listen(socketPath));
  const controller = await startController(stack, new TestAuthority());
  publishAll(controller);
  return { network, controller, agent, socketPath };
}

/** Plays the agent for the next proxy that connects: its pods, redirected, and the end of the snapshot. */
export async function feedPods(
  stack: AsyncDisposableStack,
  { agent, network }: NodeForProcesses,
  signal: AbortSignal,
): Promise<void> {
  const socket = (await agent.accept(signal))!;
  stack.defer(() => socket.close());
  await socket.receive();
  for (const name of ['alpha', 'beta'] as const) {
    const pod = { uid: name, name, namespace: 'default', serviceAccount: name };
    const problem = await ask(socket, { kind: 'add', ...pod }, network.paths[name]);
    if (problem !== '') throw new Error(problem);
    await applyRedirection(network[name], {
      ipv6: true,
      captureDns: false,
      bypassInbound: false,
      virtualInterfaces: [],
      probeAddresses,
    });
  }
  await ask(socket, { kind: 'snapshot-sent' });
}
