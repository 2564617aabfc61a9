// One call of one CNI plugin: environment, standard input, result or error result.
// Follows https://github.com/containernetworking/cni/blob/main/SPEC.md, sections 2 and 5.

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../../runtime/errors.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK';

/** What every plugin of the chain is told about the container. */
export interface Attachment {
  readonly containerId: string;
  readonly netns: string;
  readonly interfaceName: string;
  /** `KEY=VALUE` pairs joined by `;`. */
  readonly args: string;
  /** Folders with plugins. */
  readonly path: readonly string[];
}

export interface CniResult {
  readonly cniVersion?: string;
  readonly interfaces?: readonly { readonly name: string; readonly sandbox?: string }[];
  readonly ips?: readonly {
    readonly address: string;
    readonly gateway?: string;
    readonly interface?: number;
  }[];
  readonly [key: string]: unknown;
}

/** The plugin of a node has this long, as with container runtimes' own deadlines. */
const deadlineMs = 60_000;
const maxOutputBytes = 1024 * 1024;

/** Runs a plugin. @throws AmbitError AMB1111 with the plugin's own words when it fails */
export async function callPlugin(
  type: string,
  command: CniCommand,
  attachment: Attachment,
  configuration: object,
): Promise<CniResult | undefined> {
  const place = { object: `CNI plugin ${type}`, field: command };
  const program = findPlugin(type, attachment.path);
  if (program === undefined) {
    const where = attachment.path.join(':');
    throw new AmbitError('AMB1111', `it is in none of ${where}`, place);
  }
  const outcome = await run(program, command, attachment, JSON.stringify(configuration));
  if (outcome.code !== 0) throw new AmbitError('AMB1111', failureText(outcome), place);
  if (command !== 'ADD') return undefined;
  try {
    return JSON.parse(outcome.stdout) as CniResult;
  } catch (error) {
    throw new AmbitError('AMB1111', 'its result is not JSON', { ...place, cause: error });
  }
}

function findPlugin(type: string, folders: readonly string[]): string | undefined {
  return folders
    .map((folder) => path.join(folder, type))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  program: string,
  command: CniCommand,
  attachment: Attachment,
  stdin: string,
): Promise<Outcome> {
  const child = spawn(program, [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      CNI_COMMAND: command,
      CNI_CONTAINERID: attachment.containerId,
      CNI_NETNS: attachment.netns,
      CNI_IFNAME: attachment.interfaceName,
      CNI_ARGS: attachment.args,
      CNI_PATH: attachment.path.join(':'),
    },
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      if (texts[name].length < maxOutputBytes) texts[name] += chunk.toString();
    });
  }
  // A plugin that ends without reading its configuration breaks the pipe; its exit code tells more.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, deadlineMs);
    const settle = (code: number | string): void => {
      clearTimeout(timer);
      resolve({ code: late ? `no answer within ${deadlineMs / 1000} s` : code, ...texts });
    };
    child.once('error', (error) => settle(error.message));
    child.once('close', (code, signal) => settle(code ?? signal ?? 'unknown'));
  });
}

/** The error result's words if the plugin wrote one, else its standard error. */
function failureText({ code, stdout, stderr }: Outcome): string {
  try {
    const error = JSON.parse(stdout) as { msg?: string; details?: string };
    const words = [error.msg, error.details].filter((part) => part !== undefined && part !== '');
    if (words.length > 0) return words.join(': ');
  } catch {
    // no error result; fall through to what else is known
  }
  return `${typeof code === 'number' ? `exit code ${code}` : code} ${stderr.trim().slice(-2000)}`.trim();
}
