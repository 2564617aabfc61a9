// One probe, sent the way a kubelet sends it: from the node's namespace to the pod's address.

import { spawn } from 'node:child_process';
import http from 'node:http';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { connectTcp } from '../../linux/tcp.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Container, Probe } from './pod-types.ts';

export interface ProbeTarget {
  readonly container: Container;
  /** The pod's first address. */
  readonly address: string;
  readonly nodeNamespace: NetworkNamespace;
  /** The container's process and environment, for `exec`. */
  readonly pid: number;
  readonly env: ReadonlyMap<string, string>;
}

export interface ProbeOutcome {
  readonly success: boolean;
  /** Why not, in a kubelet's words. */
  readonly message: string;
}

/** How much of a command's output an event shows. */
const maxOutputBytes = 4096;

/** Sends a probe; the outcome of one that takes longer than `timeoutMs` is a failure. */
export async function callProbe(
  probe: Probe,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    if (probe.httpGet !== undefined) return await httpProbe(probe.httpGet, target, limit);
    if (probe.tcpSocket !== undefined) return await tcpProbe(probe.tcpSocket, target, limit);
    if (probe.exec !== undefined) return await execProbe(probe.exec.command ?? [], target, limit);
    return { success: false, message: 'this kind of probe is not supported in laptop mode' };
  } catch (error) {
    const late = limit.aborted && !signal.aborted;
    return { success: false, message: late ? 'no answer in time' : causeChain(error) };
  }
}

/** The number of a port given as number or as a container port's name. */
export function probePort(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  return named ?? (/^\d+$/.test(port) ? Number(port) : undefined);
}

async function connect(
  target: ProbeTarget,
  { port, host }: { readonly port: number | string; readonly host?: string },
  signal: AbortSignal,
): Promise<Socket> {
  const number = probePort(target.container, port);
  if (number === undefined) throw new Error(`the container has no port named ${port}`);
  return await connectTcp({
    host: host ?? target.address,
    port: number,
    namespace: target.nodeNamespace,
    signal,
  });
}

async function tcpProbe(
  probe: NonNullable<Probe['tcpSocket']>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const socket = await connect(target, probe, signal);
  socket.on('error', () => undefined); // the answer is in already
  socket.destroy();
  return { success: true, message: '' };
}

async function httpProbe(
  probe: NonNullable<Probe['httpGet']>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const plain = await connect(target, probe, signal);
  const socket =
    probe.scheme === 'HTTPS' ? tls.connect({ socket: plain, rejectUnauthorized: false }) : plain;
  try {
    const status = await requestStatus(probe, target, socket, signal);
    const success = status >= 200 && status < 400;
    return { success, message: success ? '' : `HTTP probe failed with statuscode: ${status}` };
  } finally {
    plain.on('error', () => undefined);
    socket.destroy();
    plain.destroy();
  }
}

function requestStatus(
  probe: NonNullable<Probe['httpGet']>,
  target: ProbeTarget,
  socket: Socket,
  signal: AbortSignal,
): Promise<number> {
  const host = probe.host ?? target.address;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${probePort(target.container, probe.port)}`;
  const headers: Record<string, string> = {
    host: authority,
    'user-agent': 'kube-probe/1.33',
    accept: '*/*',
    connection: 'close',
  };
  for (const { name, value } of probe.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return new Promise((resolve, reject) => {
    const request = http.request({
      path: probe.path ?? '/',
      headers,
      signal,
      createConnection: () => socket,
    });
    request.once('response', (response) => {
      response.on('error', () => undefined); // only the status counts
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end();
  });
}

/** Runs a command with the view and the environment of the container. */
function execProbe(
  command: readonly string[],
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const views = ['--mount', '--uts', '--net', '--wd'];
  const enter = ['--target', String(target.pid), ...views, '--'];
  const child = spawn('nsenter', [...enter, 'setpriv', '--pdeathsig', 'KILL', '--', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: Object.fromEntries(target.env),
    signal,
    killSignal: 'SIGKILL',
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    if (output.length < maxOutputBytes) output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      child.stdout.destroy();
      child.stderr.destroy();
      const text = output.trim().slice(0, maxOutputBytes);
      resolve({ success: code === 0, message: code === 0 ? '' : text || `exit code ${code}` });
    });
  });
}
