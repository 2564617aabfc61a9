// What the kernel says of a process: memory and CPU time, from /proc.

import { readFileSync } from 'node:fs';

/** USER_HZ, which is 100 on every Linux that Node runs on (proc(5): sysconf(_SC_CLK_TCK)). */
const ticksPerSecond = 100;

/** Resident memory, bytes. @throws the error of read(2) when the process is gone */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) * 1024;
}

/** CPU time of all threads since the start, seconds, in steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  return parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')) / ticksPerSecond;
}

/** utime and stime of a line of /proc/PID/stat. The name of the program stands in brackets and may
 * itself hold spaces and brackets. */
export function parseCpuTicks(line: string): number {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN);
}
