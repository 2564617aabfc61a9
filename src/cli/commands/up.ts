// ambit up: starts a mesh on this machine.

import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { refuseForeign } from '../../standalone/end-mesh.ts';
import { type Launched, launchSupervisor, StartFailed } from '../../standalone/launch.ts';
import type { Progress } from '../../standalone/progress.ts';
import { meshPaths, stateParent } from '../../standalone/state-folder.ts';
import { isAlive, readRecord } from '../../standalone/supervisor-record.ts';
import {
  type PublishedPort,
  parsePublishedPort,
  type SupervisorSettings,
} from '../../standalone/supervisor-settings.ts';
import { applyCommand, nameOfCommand, type UserCommand } from '../../standalone/user-command.ts';
import type { Command, CommandContext } from '../command.ts';
import { defaultMesh, isRoot, podEnvironment, positiveInteger } from '../laptop.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const maxPublished = 64;
/** As shells have it: 128 and the number of SIGINT. */
const interrupted = 130;

const usage = `ambit up [FOLDER] [flags] [-- COMMAND...]

  Starts a mesh on this machine: an API server, local nodes, the mesh's own parts, and the manifests of
  FOLDER, which is followed. A COMMAND becomes a pod with a service of its name.

  -d, --detach              return when the mesh is up; ambit down ends it
  --nodes N                 local nodes (default 2)
  --name NAME               the mesh's name (default ${defaultMesh}); several can run side by side
  --port PORT               of the API server on 127.0.0.1 (default 6443, or a free one)
  --publish PORT:SERVICE[.NAMESPACE]:PORT
                            make a service reachable on 127.0.0.1:PORT; may be repeated
  --image NAME=COMMAND      the program that stands for an image; may be repeated
                            (FOLDER/.ambit/images.yaml holds a table of them)
  --no-mesh                 only the cluster, without the mesh's own parts
  --mesh-later              a cluster that waits for the mesh: kubectl apply -k deploy`;

interface Arguments {
  readonly settings: Omit<SupervisorSettings, 'apiPort'>;
  readonly port: number | undefined;
  readonly detach: boolean;
  readonly command: readonly string[];
}

export const up: Command = {
  name: 'up',
  summary: 'start a mesh on this machine, with the manifests of a folder or a command',
  usage,
  async run(args, context) {
    const parsed = readArguments(args, context);
    const { settings } = parsed;
    refuseRunning(settings);
    context.stdout(`ambit: starting mesh ${settings.mesh} with ${settings.nodeCount} nodes\n`);
    const launched = launchSupervisor({
      settings,
      ...(parsed.port === undefined ? {} : { port: parsed.port }),
      report: (progress) => print(progress, context),
    });
    return await attend(launched, parsed, context);
  },
};

function refuseRunning(settings: Arguments['settings']): void {
  refuseForeign(settings.mesh, settings.stateParent);
  const record = readRecord(meshPaths(settings.stateParent, settings.mesh).record);
  if (record === undefined || !isAlive(record)) return;
  const problem = `it runs since ${record.startedAt} (process ${record.pid})`;
  throw new AmbitError('AMB1102', problem, { object: `mesh ${settings.mesh}` });
}

/** Waits for the start, and in the foreground for the end. */
async function attend(
  launched: Launched,
  { settings, command, detach }: Arguments,
  context: CommandContext,
): Promise<number> {
  const onAbort = (): void => launched.stop();
  context.signal.addEventListener('abort', onAbort, { once: true });
  if (context.signal.aborted) onAbort();
  try {
    const complete = await launched.ready;
    if (command.length > 0) await runCommand(settings, command, context);
    if (detach) {
      launched.release();
      return complete ? 0 : 1;
    }
    context.stdout('ambit: Ctrl-C ends the mesh\n');
    return await launched.exited;
  } catch (error) {
    launched.stop();
    await launched.exited;
    if (context.signal.aborted) {
      context.stderr('ambit: given up; what was started is ended again\n');
      return interrupted;
    }
    if (!(error instanceof StartFailed)) throw error;
    return 1; // printed as it was told
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}

async function runCommand(
  settings: Arguments['settings'],
  words: readonly string[],
  context: CommandContext,
): Promise<void> {
  const name = nameOfCommand(words);
  const env = podEnvironment(context.env);
  const command: UserCommand = { name, namespace: 'default', words, folder: context.cwd, env };
  await applyCommand(settings.mesh, settings.stateParent, command);
  context.stdout(`ambit: ${words.join(' ')} runs as Deployment default/${name}\n`);
}

function print(progress: Progress, { stdout, stderr }: CommandContext): void {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  switch (progress.kind) {
    case 'phase':
      stdout(`  ${progress.name.padEnd(34)}${seconds(progress.ms)}\n`);
      return;
    case 'note':
      stdout(`ambit: ${progress.text}\n`);
      return;
    case 'problem':
    case 'failed':
      stderr(`${progress.message}\n`);
      if (progress.remedy !== '') stderr(`Remedy: ${progress.remedy}\n`);
      return;
    case 'ready':
      stdout(
        progress.complete
          ? `ambit: ready in ${seconds(progress.ms)}\n`
          : `ambit: up in ${seconds(progress.ms)}, but not all of the mesh is ready\n`,
      );
      stdout(`export KUBECONFIG=${progress.kubeconfig}\n`);
  }
}

function readArguments(args: readonly string[], context: CommandContext): Arguments {
  const end = args.indexOf('--');
  const { values, positionals } = parseArgs({
    args: [...(end === -1 ? args : args.slice(0, end))],
    allowPositionals: true,
    options: {
      detach: { type: 'boolean', short: 'd', default: false },
      nodes: { type: 'string', default: '2' },
      name: { type: 'string', default: defaultMesh },
      port: { type: 'string' },
      publish: { type: 'string', multiple: true, default: [] },
      image: { type: 'string', multiple: true, default: [] },
      'no-mesh': { type: 'boolean', default: false },
      'mesh-later': { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 1) throw new AmbitError('AMB1801', 'at most one FOLDER can be given');
  const folder = positionals[0] === undefined ? undefined : folderAt(positionals[0], context);
  const settings: Arguments['settings'] = {
    mesh: values.name,
    stateParent: stateParent(context.env, isRoot(), context.cwd),
    repository,
    nodeCount: positiveInteger('--nodes', values.nodes, 200),
    ...(folder === undefined ? {} : { folder }),
    images: values.image,
    imagesFolder: context.cwd,
    publish: publishedPorts(values.publish),
    foreground: !values.detach,
    withMesh: !values['no-mesh'],
    meshLater: values['mesh-later'],
    env: podEnvironment(context.env),
  };
  const port =
    values.port === undefined ? undefined : positiveInteger('--port', values.port, 65_535);
  const command = end === -1 ? [] : args.slice(end + 1);
  return { settings, port, detach: values.detach, command };
}

function publishedPorts(flags: readonly string[]): PublishedPort[] {
  if (flags.length > maxPublished) {
    throw new AmbitError('AMB1801', `at most ${maxPublished} ports can be published`);
  }
  return flags.map((flag) => {
    const port = parsePublishedPort(flag);
    if (port !== undefined) return port;
    throw new AmbitError('AMB1801', `--publish ${flag} is not PORT:SERVICE[.NAMESPACE]:PORT`);
  });
}

function folderAt(given: string, { cwd }: CommandContext): string {
  const folder = path.resolve(cwd, given);
  if (existsSync(folder) && statSync(folder).isDirectory()) return folder;
  throw new AmbitError('AMB1801', `there is no folder ${folder}`);
}
