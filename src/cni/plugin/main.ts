// The CNI plugin: the container runtime runs it last in the chain for every pod of the node, before
// the pod's first process starts. It asks the node agent to enrol the pod and passes the chain's
// result on. Without an answer the pod does not start: it would run unprotected, and nobody would
// know.
//
// Standard output carries the result or the error, and nothing else (CNI specification). It loads
// only node: modules and the wire forms, because its start-up delays every pod; the texts below
// that begin with a code are therefore its own, and a test keeps them equal to the catalogue.

import { writeSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import {
  addressesOf,
  type CniRequest,
  cniErrorCodes,
  decodePluginAnswer,
  defaultCniVersion,
  encodePluginEvent,
  errorResult,
  eventDeadlineMs,
  eventPath,
  eventSocketName,
  maxEventBytes,
  parseCniRequest,
  passOnResult,
  versionResult,
} from '../../wire/cni.ts';

const remedies = {
  AMB1301: 'Check the CNI configuration list of the node; the message names the variable or field.',
  AMB1302:
    'See that the DaemonSet istio-cni-node has a ready pod on this node; the pod is tried again by itself.',
  AMB1303:
    'The message carries what the node agent said, with its own code: follow that; the pod is tried again by itself.',
} as const;

/** A failure to be reported to the runtime. */
class PluginError extends Error {
  override readonly name = 'PluginError';
  readonly code: keyof typeof remedies;
  readonly cniCode: number;

  constructor(code: keyof typeof remedies, cniCode: number, message: string) {
    super(`${code} ${message}`);
    this.code = code;
    this.cniCode = cniCode;
  }
}

/** Pods of the node agent's DaemonSet. */
const agentPodPrefix = 'istio-cni-node-';
/** The longest configuration that is read. */
const maxStdinBytes = 1024 * 1024;

async function run(): Promise<void> {
  let cniVersion: string = defaultCniVersion;
  try {
    const parsed = parseCniRequest(process.env, await readStdin());
    if (parsed.kind === 'problem') throw new PluginError('AMB1301', parsed.code, parsed.problem);
    cniVersion = parsed.value.config.cniVersion;
    const result = await perform(parsed.value);
    if (result !== undefined) print(result);
  } catch (error) {
    const failure =
      error instanceof PluginError
        ? error
        : new PluginError('AMB1301', cniErrorCodes.ioFailure, String(error));
    log({ level: 'error', code: failure.code, message: failure.message });
    print(errorResult(cniVersion, failure.cniCode, failure.message, remedies[failure.code]));
    process.exitCode = 1;
  }
}

/** Carries a command out; gives what goes to standard output, if anything. */
async function perform(call: CniRequest): Promise<object | undefined> {
  switch (call.command) {
    case 'VERSION':
      return versionResult(call.config);
    case 'ADD':
      await enrol(call);
      return passOnResult(call.config);
    case 'DEL': // the agent sees the pod go through the API, and the rules go with the namespace
    case 'CHECK':
    case 'GC':
    case 'STATUS':
      return undefined;
  }
}

async function enrol(call: CniRequest): Promise<void> {
  const podName = call.args.get('K8S_POD_NAME') ?? '';
  const podNamespace = call.args.get('K8S_POD_NAMESPACE') ?? '';
  const pod = `${podNamespace}/${podName}`;
  if (podName === '' || podNamespace === '') {
    log({ level: 'info', message: 'not a pod of Kubernetes: left alone' });
    return;
  }
  const exemption = exemptionOf(call, podNamespace, podName);
  if (exemption !== undefined) {
    log({ level: 'info', pod, message: `${exemption}: left alone` });
    return;
  }
  const addresses = addressesOf(call.config.previousResult);
  const body = encodePluginEvent({ netns: call.netns, podName, podNamespace, addresses });
  const socketPath = path.join(call.config.runDirectory, eventSocketName);
  const answer = await post(socketPath, body);
  if (answer.status !== 200) {
    const words = answer.body.trim() || `status ${answer.status} and no words`;
    const message = `the node agent did not let pod ${pod} start: ${words}`;
    throw new PluginError('AMB1303', cniErrorCodes.tryAgainLater, message);
  }
  log({
    level: 'info',
    pod,
    ...decodePluginAnswer(answer.body),
    message: 'the node agent answered',
  });
}

/** Why the agent need not be asked about a pod, if so. */
function exemptionOf(
  { config }: CniRequest,
  podNamespace: string,
  podName: string,
): string | undefined {
  if (!config.ambientEnabled) return 'the mesh is switched off in the configuration';
  if (config.excludeNamespaces.includes(podNamespace)) return 'namespace is excluded';
  // After a restart of the node nobody could answer before it runs.
  const isAgent = podNamespace === config.agentNamespace && podName.startsWith(agentPodPrefix);
  return isAgent ? 'the node agent itself' : undefined;
}

/** Posts an event and reads the whole answer within the deadline. */
async function post(socketPath: string, body: string): Promise<{ status: number; body: string }> {
  const unanswered = (why: string): PluginError =>
    new PluginError(
      'AMB1302',
      cniErrorCodes.tryAgainLater,
      `the node agent at ${socketPath} ${why}`,
    );
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const signal = AbortSignal.timeout(eventDeadlineMs);
  const headers = {
    host: 'unix',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const outgoing = request(
    { socketPath, path: eventPath, method: 'POST', headers, signal, agent: false },
    (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        if (text.length < maxEventBytes) text += chunk;
      });
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  try {
    return await promise;
  } catch (error) {
    if (signal.aborted) throw unanswered(`did not answer within ${eventDeadlineMs / 1000} s`);
    const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    throw unanswered(`cannot be reached (${typeof code === 'string' ? code : String(error)})`);
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    if (!(chunk instanceof Buffer)) continue;
    size += chunk.length;
    if (size > maxStdinBytes) {
      const problem = `the configuration is longer than ${maxStdinBytes} bytes`;
      throw new PluginError('AMB1301', cniErrorCodes.undecodable, problem);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function print(result: object): void {
  writeSync(1, `${JSON.stringify(result)}\n`);
}

function log(fields: object): void {
  writeSync(2, `${JSON.stringify({ time: new Date().toISOString(), scope: 'cni', ...fields })}\n`);
}

void run(); // no top-level await: the executable for nodes is one CommonJS script
