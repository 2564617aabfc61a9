// The supervisor process. It gets its settings as one JSON argument and tells its progress on descriptor 3;
// its standard output is the log. SIGINT and SIGTERM end the mesh, and so does, in the foreground, the end
// of the command that started it.

import { Socket } from 'node:net';
import { systemClock } from '../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../runtime/errors.ts';
import { createLogger } from '../runtime/log.ts';
import type { Progress } from './progress.ts';
import { makeStateFolder, meshPaths } from './state-folder.ts';
import { Supervisor } from './supervisor.ts';
import {
  processStartTime,
  type SupervisorRecord,
  takePlace,
  writeRecord,
} from './supervisor-record.ts';
import { progressFd, type SupervisorSettings } from './supervisor-settings.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as SupervisorSettings;
const log = createLogger('supervisor', 'info');
const ending = new AbortController();

/** Set by the script that enters a user namespace: our pid as the machine sees it. */
const hostPid = process.env['AMBIT_HOST_PID'];

const listener = new Socket({ fd: progressFd });
listener.on('error', () => undefined); // whoever listened is gone
listener.on('close', () => {
  if (settings.foreground) ending.abort(new Error('the command that started the mesh ended'));
});
listener.resume();

function report(progress: Progress): void {
  if (!listener.destroyed) listener.write(`${JSON.stringify(progress)}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => ending.abort(new Error(signal)));
}

/** A defect somewhere in this process: the mesh is ended in order rather than left to the next clean-up. */
process.on('uncaughtException', (error) => {
  log.error({ code: codeOf(error), error: causeChain(error), stack: error.stack }, 'a defect');
  process.exitCode = 1;
  ending.abort(error);
});

async function main(): Promise<void> {
  const paths = meshPaths(settings.stateParent, settings.mesh);
  makeStateFolder(paths);
  const record = ownRecord();
  using _place = takePlace(paths.record, record);
  await using _supervisor = await Supervisor.start({
    settings,
    report,
    clock: systemClock,
    log,
    signal: ending.signal,
  });
  writeRecord(paths.record, { ...record, ready: true });
  if (!settings.foreground) listener.destroy();
  await ended(ending.signal);
  log.info({ reason: causeChain(ending.signal.reason) }, 'ending the mesh');
}

function ownRecord(): SupervisorRecord {
  return {
    mesh: settings.mesh,
    pid: hostPid === undefined ? process.pid : Number(hostPid),
    startTime: processStartTime('self') ?? '',
    port: settings.apiPort,
    nodes: Array.from({ length: settings.nodeCount }, (_, index) => `node${index + 1}`),
    ...(settings.folder === undefined ? {} : { folder: settings.folder }),
    userNamespace: hostPid !== undefined,
    startedAt: new Date(systemClock.now()).toISOString(),
    ready: false,
  };
}

async function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

try {
  await main();
} catch (error) {
  const known = error instanceof AmbitError;
  const message = known ? causeChain(error) : `${codeOf(error)} ${causeChain(error)}`;
  log.error({ code: codeOf(error), error: causeChain(error) }, 'the mesh could not be started');
  report({ kind: 'failed', message, remedy: known ? error.remedy : '' });
  process.exitCode = 1;
} finally {
  listener.end();
  listener.unref();
}
