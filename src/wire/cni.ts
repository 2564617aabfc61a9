// What the container runtime, the CNI plugin and the node agent say to each other: the CNI
// specification's request, result and error (containernetworking/cni: SPEC.md 0.1.0 to 1.1.0), and
// the event that the plugin posts to the agent (protocol section 2.2, Istio's own form). It imports
// only node: modules, since the plugin, which starts for every pod, imports it.

import { isIPv4, isIPv6 } from 'node:net';

/** The versions of the specification that the plugin speaks, oldest first. */
export const cniVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
/** What a result without a configuration to follow is written in. */
export const defaultCniVersion = '1.0.0';

/** Error codes that the specification gives a meaning to. */
export const cniErrorCodes = {
  badEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  badConfiguration: 7,
  tryAgainLater: 11,
} as const;

export const cniCommands = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type CniCommand = (typeof cniCommands)[number];

/** The socket of the agent within its run directory, and the path that events are posted to. */
export const eventSocketName = 'pluginevent.sock';
export const eventPath = '/cmdadd';
/** How long the whole exchange may take. */
export const eventDeadlineMs = 5_000;
/** The longest body either side reads. */
export const maxEventBytes = 64 * 1024;

/** What cannot be read, with the CNI error code for it. */
export interface CniProblem {
  readonly kind: 'problem';
  readonly code: number;
  readonly problem: string;
}

/** A call of the plugin. */
export interface CniRequest {
  readonly command: CniCommand;
  readonly netns: string;
  /** CNI_ARGS, taken apart. */
  readonly args: ReadonlyMap<string, string>;
  readonly config: PluginConfig;
}

/** The plugin's part of the configuration list, as the runtime hands it over. */
export interface PluginConfig {
  readonly cniVersion: string;
  readonly runDirectory: string;
  readonly excludeNamespaces: readonly string[];
  /** Whether pods join the mesh at all; absent counts as yes, so that nothing runs unprotected by
   * an oversight. */
  readonly ambientEnabled: boolean;
  /** The namespace of the node agent, where its own pod is let through. */
  readonly agentNamespace: string | undefined;
  /** Absent when the plugin is first in the chain. */
  readonly previousResult: Readonly<Record<string, unknown>> | undefined;
}

type Json = Readonly<Record<string, unknown>>;
const defaultRunDirectory = '/var/run/istio-cni';

/** Reads a call: its environment and its standard input. */
export function parseCniRequest(
  env: Readonly<Record<string, string | undefined>>,
  stdin: string,
): { kind: 'ok'; value: CniRequest } | CniProblem {
  const command = cniCommands.find((candidate) => candidate === env['CNI_COMMAND']);
  if (command === undefined) {
    const given = env['CNI_COMMAND'];
    const problem = given === undefined ? ' is not set' : `=${given} is not a command`;
    return environmentProblem(`CNI_COMMAND${problem}; it must be one of ${cniCommands.join(', ')}`);
  }
  const needsPod = command === 'ADD' || command === 'CHECK' || command === 'DEL';
  if (needsPod && !env['CNI_CONTAINERID']) return environmentProblem('CNI_CONTAINERID is not set');
  // DEL may come when the namespace is gone already, and then names none.
  const netns = env['CNI_NETNS'] ?? '';
  if (command === 'ADD' && netns === '') return environmentProblem('CNI_NETNS is not set');
  const args = parseArguments(env['CNI_ARGS'] ?? '');
  if (args === undefined) return environmentProblem('CNI_ARGS must be KEY=VALUE, joined by ;');
  // What VERSION gets may be a bare cniVersion, and old runtimes send nothing.
  const text = command === 'VERSION' && stdin.trim() === '' ? '{}' : stdin;
  const config = parsePluginConfig(text);
  if (config.kind === 'problem') return config;
  return { kind: 'ok', value: { command, netns, args, config: config.value } };
}

function environmentProblem(problem: string): CniProblem {
  return { kind: 'problem', code: cniErrorCodes.badEnvironment, problem };
}

function parseArguments(text: string): Map<string, string> | undefined {
  const pairs = new Map<string, string>();
  for (const pair of text.split(';').filter((part) => part !== '')) {
    const equals = pair.indexOf('=');
    if (equals < 1) return undefined;
    pairs.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return pairs;
}

function parsePluginConfig(text: string): { kind: 'ok'; value: PluginConfig } | CniProblem {
  const wrong = (problem: string): CniProblem => ({
    kind: 'problem',
    code: cniErrorCodes.badConfiguration,
    problem: `configuration ${problem}`,
  });
  const json = parseJson(text);
  if (json === undefined) {
    const problem = 'the configuration on standard input is not a JSON object';
    return { kind: 'problem', code: cniErrorCodes.undecodable, problem };
  }
  const cniVersion = json['cniVersion'] ?? defaultCniVersion;
  if (typeof cniVersion !== 'string') return wrong('field cniVersion must be a text');
  const runDirectory = json['cni_agent_run_dir'] ?? defaultRunDirectory;
  if (typeof runDirectory !== 'string' || !runDirectory.startsWith('/')) {
    return wrong('field cni_agent_run_dir must be an absolute path');
  }
  const excludeNamespaces: unknown = json['exclude_namespaces'] ?? [];
  if (!isTextList(excludeNamespaces))
    return wrong('field exclude_namespaces must be a list of texts');
  const ambientEnabled = json['ambient_enabled'] ?? true;
  if (typeof ambientEnabled !== 'boolean') {
    return wrong('field ambient_enabled must be true or false');
  }
  const agentNamespace = json['pod_namespace'] ?? undefined;
  if (agentNamespace !== undefined && typeof agentNamespace !== 'string') {
    return wrong('field pod_namespace must be a name');
  }
  const previousResult = json['prevResult'] ?? undefined;
  if (previousResult !== undefined && !isObject(previousResult)) {
    return wrong('field prevResult must be an object');
  }
  return {
    kind: 'ok',
    value: {
      cniVersion,
      runDirectory,
      excludeNamespaces,
      ambientEnabled,
      agentNamespace,
      previousResult,
    },
  };
}

/** The result that passes the chain's on, unchanged but for the version it is written in. */
export function passOnResult(config: PluginConfig): Json {
  if (config.previousResult === undefined) return { cniVersion: defaultCniVersion, dns: {} };
  return { ...config.previousResult, cniVersion: config.cniVersion };
}

/** The answer to VERSION. */
export function versionResult(config: PluginConfig): Json {
  return { cniVersion: config.cniVersion, supportedVersions: cniVersions };
}

/** A failure as the specification has it. `message` begins with our own code. */
export function errorResult(
  cniVersion: string,
  code: number,
  message: string,
  remedy: string,
): Json {
  return { cniVersion, code, msg: message, details: remedy };
}

/** An address that the pod was given. */
export interface PodAddress {
  /** The index of the interface in the result; absent where the result has none. */
  readonly interfaceIndex: number | undefined;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/** A pod that is being started. */
export interface PluginEvent {
  /** The path of its network namespace. */
  readonly netns: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly addresses: readonly PodAddress[];
}

/** The addresses in a result of any version. Entries that are no address are left out. */
export function addressesOf(result: Json | undefined): PodAddress[] {
  if (result === undefined) return [];
  const list: unknown = result['ips'];
  if (Array.isArray(list)) return list.filter(isObject).flatMap((entry) => addressOf(entry));
  // Versions before 0.3.0 had one address per family.
  const old = [result['ip4'], result['ip6']].filter(isObject);
  return old.flatMap((entry) => addressOf({ ...entry, address: entry['ip'] }));
}

function addressOf(entry: Json): PodAddress[] {
  const cidr = entry['address'];
  if (typeof cidr !== 'string') return [];
  const [address = '', length = ''] = cidr.split('/');
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  const prefixLength = length === '' ? bits : Number(length);
  if (!(prefixLength >= 0 && prefixLength <= bits)) return [];
  const gateway = typeof entry['gateway'] === 'string' ? entry['gateway'] : '';
  const index = entry['interface'];
  const interfaceIndex = typeof index === 'number' ? index : undefined;
  return [{ interfaceIndex, address, prefixLength, gateway }];
}

/** The body of an event, in the JSON form that Go gives its own types: a network is an address and
 * a base64 mask, and an absent interface is null. */
export function encodePluginEvent(event: PluginEvent): string {
  return JSON.stringify({
    Netns: event.netns,
    PodName: event.podName,
    PodNamespace: event.podNamespace,
    IPs: event.addresses.map((entry) => ({
      Interface: entry.interfaceIndex ?? null,
      Address: { IP: entry.address, Mask: maskOf(entry) },
      Gateway: entry.gateway,
    })),
  });
}

/** Reads the body of an event. */
export function decodePluginEvent(
  body: string,
): { kind: 'ok'; value: PluginEvent } | { kind: 'problem'; problem: string } {
  const wrong = (problem: string) => ({ kind: 'problem', problem }) as const;
  const json = parseJson(body);
  if (json === undefined) return wrong('the body is not a JSON object');
  const { Netns: netns, PodName: podName, PodNamespace: podNamespace } = json;
  if (typeof netns !== 'string' || netns === '') return wrong('field Netns must be a path');
  if (typeof podName !== 'string' || podName === '') return wrong('field PodName must be a name');
  if (typeof podNamespace !== 'string' || podNamespace === '') {
    return wrong('field PodNamespace must be a name');
  }
  const list: unknown = json['IPs'] ?? [];
  if (!Array.isArray(list)) return wrong('field IPs must be a list');
  const addresses: PodAddress[] = [];
  for (const [index, entry] of list.entries()) {
    const address = decodeAddress(entry);
    if (address === undefined) return wrong(`field IPs[${index}].Address must have IP and Mask`);
    addresses.push(address);
  }
  return { kind: 'ok', value: { netns, podName, podNamespace, addresses } };
}

function decodeAddress(entry: unknown): PodAddress | undefined {
  if (!isObject(entry) || !isObject(entry['Address'])) return undefined;
  const { IP: address, Mask: mask } = entry['Address'];
  if (typeof address !== 'string' || (!isIPv4(address) && !isIPv6(address))) return undefined;
  const prefixLength = typeof mask === 'string' ? lengthOfMask(address, mask) : undefined;
  if (prefixLength === undefined) return undefined;
  const gateway = typeof entry['Gateway'] === 'string' ? entry['Gateway'] : '';
  const interfaceIndex = typeof entry['Interface'] === 'number' ? entry['Interface'] : undefined;
  return { interfaceIndex, address, prefixLength, gateway };
}

/** Of a mask in base64; undefined for one of another family, or with ones after a zero. */
function lengthOfMask(address: string, mask: string): number | undefined {
  const bytes = Buffer.from(mask, 'base64');
  if (bytes.length !== (isIPv4(address) ? 4 : 16)) return undefined;
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}

function maskOf({ address, prefixLength }: PodAddress): string {
  const bytes = Buffer.alloc(isIPv4(address) ? 4 : 16);
  for (let bit = 0; bit < prefixLength; bit++) {
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  return bytes.toString('base64');
}

/** What the agent answers with status 200: whether the pod is in the mesh, and why or why not. */
export interface PluginAnswer {
  readonly enrolled: boolean;
  readonly reason: string;
}

/** Reads an answer; undefined if it is none (Istio's agent answers with an empty body). */
export function decodePluginAnswer(body: string): PluginAnswer | undefined {
  const json = parseJson(body);
  if (typeof json?.['enrolled'] !== 'boolean' || typeof json['reason'] !== 'string')
    return undefined;
  return { enrolled: json['enrolled'], reason: json['reason'] };
}

function parseJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
