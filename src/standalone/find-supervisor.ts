// Supervisors among the machine's processes, by their settings argument.

import { readdirSync, readFileSync } from 'node:fs';
import type { SupervisorSettings } from './supervisor-settings.ts';

/** A living supervisor that this user may look at. */
export interface FoundSupervisor {
  readonly pid: number;
  readonly mesh: string;
  readonly stateParent: string;
}

/** All supervisors of this machine. */
export function findSupervisors(): FoundSupervisor[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const words = wordsOf(pid);
      const index = words.findIndex((word) => word.endsWith('/src/standalone/main.ts'));
      // `unshare` and the shell that lead to a supervisor name it too; the process itself is Node.
      if (index < 1 || index > 3 || words[0]?.endsWith('node') !== true) return [];
      const settings = settingsOf(words[index + 1] ?? '');
      if (settings === undefined) return [];
      return [{ pid: Number(pid), mesh: settings.mesh, stateParent: settings.stateParent }];
    });
}

function wordsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // gone, or not ours to see
  }
}

function settingsOf(text: string): SupervisorSettings | undefined {
  try {
    return JSON.parse(text) as SupervisorSettings;
  } catch {
    return undefined;
  }
}
