// What the measurements of large meshes share: reports of a child process, and figures in words.

import type { ChildProcess } from 'node:child_process';
import os from 'node:os';
import type { Stall } from './stall-probe.ts';

/** The next report of a kind. Rejects when the child ends before it. */
export async function nextReport<
  Report extends { readonly kind: string },
  Kind extends Report['kind'],
>(child: ChildProcess, kind: Kind): Promise<Report & { readonly kind: Kind }> {
  return await new Promise((resolve, reject) => {
    const listen = (message: Report): void => {
      if (message.kind !== kind) return;
      child.off('message', listen);
      child.off('exit', fail);
      resolve(message as Report & { readonly kind: Kind });
    };
    const fail = (): void => reject(new Error('the measured process has ended'));
    child.on('message', listen);
    child.once('exit', fail);
  });
}

/** Prints the figures of one run, with the machine's load beside them. */
export function printFigures(
  figures: Readonly<Record<string, number | Stall>>,
  changeMs: readonly number[],
): void {
  for (const [name, figure] of Object.entries(figures)) {
    console.log(`${name}${typeof figure === 'number' ? '' : 'Ms'}: ${inWords(figure)}`);
  }
  const sorted = changeMs.toSorted((one, other) => one - other);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  console.log(`changeMs: median ${inWords(middle)}, slowest ${inWords(sorted.at(-1) ?? 0)}`);
  console.log(`load average: ${os.loadavg().map(inWords).join(' ')}`);
}

function inWords(figure: number | Stall): string {
  if (typeof figure === 'number') return figure.toFixed(1);
  const { longestMs, longestCpuMs, tooLong } = figure;
  const cpu = `${longestCpuMs.toFixed(1)} ms of CPU`;
  return `${longestMs.toFixed(1)} ms (at most ${cpu}), ${tooLong} above 20 ms`;
}
