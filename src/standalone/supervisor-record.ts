// Who supervises a mesh: a file in its state folder that is also the lock against a second supervisor.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { AmbitError } from '../runtime/errors.ts';

export interface SupervisorRecord {
  readonly mesh: string;
  /** As the machine sees it, also when the supervisor lives in a pid namespace. */
  readonly pid: number;
  /** Clock ticks since boot, proc(5): tells a process from a later one with its pid. */
  readonly startTime: string;
  /** Of the API server on 127.0.0.1. */
  readonly port: number;
  readonly nodes: readonly string[];
  readonly folder?: string;
  /** It lives in a user namespace. */
  readonly userNamespace: boolean;
  readonly startedAt: string;
  /** The mesh's own parts are ready. */
  readonly ready: boolean;
}

/** The record, or undefined when there is none that can be read. */
export function readRecord(file: string): SupervisorRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SupervisorRecord;
  } catch {
    return undefined; // none, or half written by one that crashed
  }
}

/** Writes the record so that readers see the old or the new one. */
export function writeRecord(file: string, record: SupervisorRecord): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(fresh, file);
}

/** Takes the place of the supervisor. @throws AmbitError AMB1102 when a living one has it */
export function takePlace(file: string, record: SupervisorRecord): Disposable {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(file, text, { flag: 'wx' });
      break;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (!taken || attempt > 0) throw error;
      const other = readRecord(file);
      if (other !== undefined && isAlive(other)) {
        const problem = `it is supervised by process ${other.pid} since ${other.startedAt}`;
        throw new AmbitError('AMB1102', problem, { object: `mesh ${record.mesh}` });
      }
      rmSync(file, { force: true });
    }
  }
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
}

/** Whether the recorded supervisor still runs. */
export function isAlive({ pid, startTime }: Pick<SupervisorRecord, 'pid' | 'startTime'>): boolean {
  return processStartTime(String(pid)) === startTime;
}

/** When a process was started, in clock ticks since boot; undefined when there is none or it is a zombie.
 * `self` is this one. */
export function processStartTime(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined; // gone
  }
}
