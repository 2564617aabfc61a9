// What the commands of laptop mode share.

import { AmbitError } from '../runtime/errors.ts';

/** The mesh that commands mean unless they are told another. */
export const defaultMesh = 'ambit';

/** Whether this process is root, whose meshes have their state in /var/lib. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** What pods get of the user's environment: enough to find programs, and nothing secret. */
export function podEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const fallback = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const cache = env['NODE_COMPILE_CACHE'];
  return {
    PATH: env['PATH'] ?? fallback,
    HOME: env['HOME'] ?? '/',
    // Programs of the repository start in half the time with what Node compiled before.
    ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }),
  };
}

/** A whole number from 1 to `max`. @throws AmbitError AMB1801 naming the flag */
export function positiveInteger(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new AmbitError('AMB1801', `${flag} ${text} is not a whole number from 1 to ${max}`);
}
