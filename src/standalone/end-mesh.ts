// Ending a mesh from outside: a running one, a crashed one, or none.

import type { Clock } from '../runtime/clock.ts';
import { AmbitError } from '../runtime/errors.ts';
import { findSupervisors } from './find-supervisor.ts';
import { type MeshPaths, meshPaths } from './state-folder.ts';
import { isAlive, readRecord, type SupervisorRecord } from './supervisor-record.ts';
import { findResidue, type Residue, removeRunning, removeState } from './sweep.ts';

export interface EndOptions {
  readonly mesh: string;
  readonly stateParent: string;
  readonly isRoot: boolean;
  readonly clock: Clock;
}

export interface Ended {
  /** What there was. */
  readonly found: 'running' | 'crashed' | 'ended' | 'nothing';
  /** What is left now. */
  readonly residue: Residue;
}

/** How long a supervisor may take to end its pods before it is killed. */
const endDeadlineMs = 30_000;
const pollMs = 50;

/** Ends a mesh and removes everything of it, its state included.
 * @throws AmbitError AMB1102 when the mesh of this name has its state elsewhere, AMB1105 */
export async function endMesh(options: EndOptions): Promise<Ended> {
  const { mesh, stateParent, isRoot, clock } = options;
  refuseForeign(mesh, stateParent);
  const paths = meshPaths(stateParent, mesh);
  const record = readRecord(paths.record);
  const running = record !== undefined && isAlive(record);
  if (running) await endSupervisor(record, clock);
  const before = await findResidue(mesh, paths, isRoot);
  await removeRunning(mesh, paths, clock, isRoot);
  removeState(mesh, paths);
  const residue = await settledResidue(mesh, paths, isRoot, clock);
  if (running) return { found: 'running', residue };
  return { found: whatWasThere(before, record), residue };
}

/** A supervisor that ended in order takes its record and all but the state along. */
function whatWasThere(
  before: Residue,
  record: SupervisorRecord | undefined,
): 'crashed' | 'ended' | 'nothing' {
  const count = countResidue(before);
  if (count === 0) return 'nothing';
  return record === undefined && count === before.files.length ? 'ended' : 'crashed';
}

/** A mesh of this name with another state folder would lose its namespaces under its feet.
 * @throws AmbitError AMB1102 */
export function refuseForeign(mesh: string, stateParent: string): void {
  const foreign = findSupervisors().find(
    (one) => one.mesh === mesh && one.stateParent !== stateParent,
  );
  if (foreign === undefined) return;
  throw new AmbitError(
    'AMB1102',
    `it has its state in ${foreign.stateParent} (process ${foreign.pid}); AMBIT_STATE_DIR=${foreign.stateParent} reaches it`,
    { object: `mesh ${mesh}` },
  );
}

async function endSupervisor(record: SupervisorRecord, clock: Clock): Promise<void> {
  signal(record, 'SIGTERM');
  const deadline = clock.monotonic() + endDeadlineMs;
  while (isAlive(record)) {
    if (clock.monotonic() > deadline) signal(record, 'SIGKILL');
    await clock.wait(pollMs);
  }
}

function signal({ pid, mesh }: SupervisorRecord, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return; // it ended by itself
    const problem = `process ${pid} cannot be signalled: it belongs to another user`;
    throw new AmbitError('AMB1105', problem, { object: `mesh ${mesh}`, cause: error });
  }
}

/** A process that was killed takes a moment to vanish. */
async function settledResidue(
  mesh: string,
  paths: MeshPaths,
  isRoot: boolean,
  clock: Clock,
): Promise<Residue> {
  const rounds = 40;
  for (let round = 1; ; round++) {
    const residue = await findResidue(mesh, paths, isRoot);
    if (countResidue(residue) === 0 || round === rounds) return residue;
    await clock.wait(pollMs);
  }
}

/** How many things are left. */
export function countResidue(residue: Residue): number {
  return Object.values(residue).reduce<number>(
    (sum, list: readonly unknown[]) => sum + list.length,
    0,
  );
}
